//! Work that may wait for a commit or for the disk, away from the runtime's own threads: with all of those waiting, nobody would run the engine
//! for whose decision a commit may wait.

/// Runs `job` on a thread that may wait. A panic in it goes on here; when the runtime stops before it began, this never returns, as nobody will
/// wait for it any more.
pub(crate) async fn away<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(job).await {
        Ok(result) => result,
        Err(error) if error.is_cancelled() => std::future::pending().await,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn a_job_runs_on_another_thread_and_its_panic_comes_back() {
        let own = std::thread::current().id();
        assert_ne!(away(|| std::thread::current().id()).await, own);
        let panic = tokio::spawn(away(|| panic!("as the test wants it"))).await.unwrap_err();
        assert!(panic.is_panic());
    }

    #[test]
    fn a_job_that_the_end_of_the_runtime_keeps_from_beginning_is_never_answered() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let handle = runtime.handle().clone();
        runtime.shutdown_background();
        let _entered = handle.enter();
        assert!(away(|| ()).now_or_never().is_none(), "neither an answer nor a panic");
    }
}
