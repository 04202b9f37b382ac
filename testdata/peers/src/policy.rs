//! Bucket policies: which account may use which prefix, and the signed request that says so.
//!
//! Start reading at [`document`].
//!
//! # Source
//! AWS Signature Version 4, "Create a signed request".

use anyhow::{Result, bail};
use bytes::Bytes;
use hmac::{Hmac, Mac};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::s3::{Account, REGION};

/// The policy under which each account may use the objects below its prefix, and list the bucket.
pub(crate) fn document(bucket: &str, rights: &[(&Account, &str)]) -> Value {
    let objects =
        ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"];
    let statements = rights.iter().flat_map(|(account, prefix)| {
        let below = if prefix.is_empty() { "*".to_owned() } else { format!("{prefix}/*") };
        let allow = |actions: Value, resource: String| json!({"Effect": "Allow", "Principal": {"AWS": [account.key]}, "Action": actions, "Resource": [resource]});
        [
            allow(json!(objects), format!("arn:aws:s3:::{bucket}/{below}")),
            allow(json!(["s3:ListBucket", "s3:GetBucketLocation"]), format!("arn:aws:s3:::{bucket}")),
        ]
    });
    json!({"Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>()})
}

/// Gives a bucket its policy.
pub(crate) async fn put(endpoint: &str, account: &Account, bucket: &str, policy: &Value) -> Result<()> {
    let body = Bytes::from(policy.to_string());
    let host = endpoint.trim_start_matches("http://");
    let payload = hex::encode(Sha256::digest(&body));
    // The server refuses requests signed at another time; this is the only place that needs the time of day.
    let (date, moment) = now();
    let headers = format!("host:{host}\nx-amz-content-sha256:{payload}\nx-amz-date:{moment}\n");
    let signed = "host;x-amz-content-sha256;x-amz-date";
    let canonical = format!("PUT\n/{bucket}\npolicy=\n{headers}\n{signed}\n{payload}");
    let scope = format!("{date}/{REGION}/s3/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
    let signature = hex::encode(sign(&signing_key(account, &date)?, &text)?);
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}", account.key);
    let request = Request::put(format!("{endpoint}/{bucket}?policy="))
        .header("host", host)
        .header("x-amz-content-sha256", payload)
        .header("x-amz-date", moment)
        .header("authorization", authorization)
        .body(Full::new(body))?;
    let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await?;
    let status = answer.status();
    if !status.is_success() {
        let text = answer.into_body().collect().await?.to_bytes();
        bail!("the S3 server refused the policy ({status}): {}", String::from_utf8_lossy(&text));
    }
    Ok(())
}

fn signing_key(account: &Account, date: &str) -> Result<Vec<u8>> {
    let secret = format!("AWS4{}", account.secret);
    [date, REGION, "s3", "aws4_request"].iter().try_fold(secret.into_bytes(), |key, part| sign(&key, part))
}

fn sign(key: &[u8], text: &str) -> Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}

/// Today and this second, as signatures spell them.
fn now() -> (String, String) {
    let now = jiff::Timestamp::now();
    (now.strftime("%Y%m%d").to_string(), now.strftime("%Y%m%dT%H%M%SZ").to_string())
}
