use grow::{Context, Result};

fn placed(ctx: &mut Context, total: f64) -> Result {
    ctx.send("due", &shared::due(total))
}

grow::actor! { "order" => placed }
