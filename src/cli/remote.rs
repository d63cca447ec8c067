//! Asks a running oversight, where a command has to change what it holds.

use anyhow::{Context, bail};
use clap::Args;
use http::Method;
use serde_json::Value;

use crate::config::Config;

/// Where the running oversight is, and how it lets us in.
#[derive(Debug, Clone, Default, Args)]
pub struct RemoteOptions {
    /// Where the running oversight listens; without it, where the configuration says
    #[arg(long)]
    pub url: Option<String>,
    /// A header to send along to it, such as 'authorization: ApiKey …'
    #[arg(long, env = "OVERSIGHT_REQUEST_HEADER", hide_env_values = true, value_name = "NAME: VALUE")]
    header: Option<String>,
}

impl RemoteOptions {
    /// Sends a request; gives the answer where it is one of success.
    pub async fn ask(
        &self,
        configuration: &Config,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let scheme = if configuration.tls.is_some() { "https" } else { "http" };
        let base = self.url.clone().unwrap_or_else(|| format!("{scheme}://{}", configuration.listen));
        let url = format!("{}{path}", base.trim_end_matches('/'));
        let client = reqwest::Client::builder().no_proxy().build()?;
        let mut request = client.request(method, &url);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some((name, value)) = self.header.as_deref().and_then(|header| header.split_once(':')) {
            request = request.header(name.trim(), value.trim());
        }
        let answer = request
            .send()
            .await
            .with_context(|| format!("nobody answers at {base}; where oversight listens elsewhere, give --url"))?;
        let status = answer.status();
        let body: Value = answer.json().await.with_context(|| format!("{url} answered {status}"))?;
        if !status.is_success() {
            let reason = body["detail"].as_str().or_else(|| body["error"]["reason"].as_str());
            bail!("{url} answered {status}: {}", reason.unwrap_or("without a reason"));
        }
        Ok(body)
    }
}
