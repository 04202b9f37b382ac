//! What one ingestion has put into the folder of a table, so that it can be taken back.
//!
//! Holds always:
//! - a file is remembered before its first byte is sent, so that none is forgotten when its request breaks off;
//! - entries of the log are never remembered: what is in the log stays.
//!
//! Start reading at [`Writes::undo`].

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::path::Path;
use object_store::{
    Error as StoreError, MultipartUpload, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, UploadPart,
};
use parking_lot::Mutex;

use super::store::is_in_log;

/// The files and the unfinished uploads of one ingestion.
pub(super) struct Writes {
    /// Its root is the table's folder.
    store: Arc<dyn ObjectStore>,
    put: Mutex<Put>,
}

#[derive(Default)]
struct Put {
    files: Vec<Path>,
    uploads: Vec<Shared>,
}

/// An upload that its writer and [`Writes`] both hold; none once it has ended.
type Shared = Arc<tokio::sync::Mutex<Option<Box<dyn MultipartUpload>>>>;

impl fmt::Debug for Writes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writes").field("files", &self.put.lock().files).finish_non_exhaustive()
    }
}

impl Writes {
    /// Nothing yet, in the folder that is the root of `store`.
    pub(super) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, put: Mutex::default() }
    }

    pub(super) async fn put(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.remember(path);
        self.store.put_opts(path, payload, options).await
    }

    pub(super) async fn upload(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.remember(path);
        let upload = self.store.put_multipart_opts(path, options).await?;
        let shared = Arc::new(tokio::sync::Mutex::new(Some(upload)));
        self.put.lock().uploads.push(Arc::clone(&shared));
        Ok(Box::new(Upload(shared)))
    }

    fn remember(&self, path: &Path) {
        if !is_in_log(path) {
            self.put.lock().files.push(path.clone());
        }
    }

    /// Forgets everything: it belongs to the table now, or nobody knows whether it does.
    pub(super) fn keep(&self) {
        *self.put.lock() = Put::default();
    }

    /// Ends every upload and removes every file. What cannot be removed is told in the log: it lies outside of the table, where
    /// tidying the table finds it.
    pub(super) async fn undo(&self) {
        let Put { files, uploads } = std::mem::take(&mut *self.put.lock());
        for upload in uploads {
            if let Some(mut open) = upload.lock().await.take()
                && let Err(error) = open.abort().await
            {
                tracing::warn!(%error, "an upload of rows that are not taken could not be ended");
            }
        }
        for file in files {
            match self.store.delete(&file).await {
                Ok(()) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => tracing::warn!(%file, %error, "a file of rows that are not taken could not be removed"),
            }
        }
    }
}

/// One upload, which can be ended from beside.
#[derive(Debug)]
struct Upload(Shared);

fn ended() -> StoreError {
    StoreError::Generic { store: "meshweave-delta", source: "the upload has ended already".into() }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let part = self.0.try_lock().ok().and_then(|mut open| open.as_mut().map(|upload| upload.put_part(data)));
        part.unwrap_or_else(|| Box::pin(async { Err(ended()) }))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let mut open = self.0.lock().await;
        let done = open.as_mut().ok_or_else(ended)?.complete().await?;
        *open = None;
        Ok(done)
    }

    async fn abort(&mut self) -> Result<()> {
        let open = self.0.lock().await.take();
        match open {
            Some(mut upload) => upload.abort().await,
            None => Ok(()),
        }
    }
}
