use grow::{Context, Result};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Order {
    id: String,
    qty: u32,
}

fn placed(ctx: &mut Context, message: serde_json::Value) -> Result {
    let text = message["text"].as_str().unwrap_or("{}");
    let order: Order = serde_json::from_str(text).unwrap();
    ctx.send("order.read", &order)
}

grow::actor! { "order.placed" => placed }
