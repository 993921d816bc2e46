//! The officer's program.
fn main() -> anyhow::Result<()> {
    if truceline::desk::demo_relay::serve_if_asked()? {
        return Ok(());
    }
    truceline::desk::demo::run(None)
}
