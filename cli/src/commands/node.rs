//! Through which node a command works.

use crate::client::HttpNode;
use crate::home::{Home, read_token};
use anyhow::Result;
use clap::Args;
use std::path::{Path, PathBuf};

/// The node.
#[derive(Debug, Args)]
pub struct NodeArguments {
    /// Address of the node's API; that of the node in --home if absent.
    #[arg(long, value_name = "URL", global = true)]
    node: Option<String>,
    /// Home folder of the node, for its address and token.
    #[arg(long, value_name = "DIR", global = true)]
    home: Option<PathBuf>,
    /// File with the API's token; that in --home if absent.
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
}

impl NodeArguments {
    /// The home folder, if one is named.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// A client of its API.
    ///
    /// # Errors
    /// No node is named, or its home cannot be read.
    pub fn client(&self) -> Result<HttpNode> {
        let home = self.home.as_ref().map(|path| Home::at(path));
        let base = match (&self.node, &home) {
            (Some(url), _) => url.clone(),
            (None, Some(home)) => format!("http://{}", home.load_config()?.api.listen),
            (None, None) => return Err(anyhow::anyhow!("say which node: --home DIR, or --node URL")),
        };
        let token = match (&self.token_file, &home) {
            (Some(path), _) => Some(read_token(path)?),
            (None, Some(home)) => Some(home.load_token()?),
            (None, None) => None,
        };
        HttpNode::new(&base, token)
    }
}
