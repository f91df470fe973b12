use grow::{Context, Result};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Order {
    id: String,
}

fn placed(ctx: &mut Context, order: Order) -> Result {
    ctx.send("order.seen", &order)
}

grow::actor! { "order.placed" => placed }
