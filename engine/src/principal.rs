//! Who asks.

use serde::{Deserialize, Serialize};

/// The one on whose behalf a query runs, with everything a policy may look at.
///
/// Made by a door (an `Authenticator`, or the operating system's user when embedded); the engine never changes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Principal {
    /// The name shown in logs and errors.
    pub user: String,
    /// Teams the user belongs to; compared exactly.
    pub teams: Vec<String>,
}

impl Principal {
    /// A user with teams, in the form of `--as user@team,team`.
    ///
    /// # Errors
    /// The text when the user is empty.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (user, teams) = text.split_once('@').unwrap_or((text, ""));
        if user.trim().is_empty() {
            return Err(format!("{text:?} names no user; write user@team,team"));
        }
        let teams = teams.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect();
        Ok(Self { user: user.trim().to_owned(), teams })
    }

    /// Whether the principal belongs to `team`.
    pub fn is_in(&self, team: &str) -> bool {
        self.teams.iter().any(|t| t == team)
    }
}
