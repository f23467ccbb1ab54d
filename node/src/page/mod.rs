//! What a browser shows: one page without anything from elsewhere, which reads the API every two seconds.

use axum::http::header;
use axum::response::{Html, IntoResponse};

const PAGE: &str = include_str!("page.html");
/// The page runs its own inline script and style and speaks to its own node only.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page at `/`.
pub async fn page() -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        for outside in ["http://", "https://", "src=", "@import", "url(", "<link"] {
            assert!(!PAGE.contains(outside), "{outside}");
        }
        // Text of other hubs is set as text, never as markup.
        assert!(!PAGE.contains("innerHTML"));
    }
}
