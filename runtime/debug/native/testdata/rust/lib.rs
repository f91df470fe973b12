use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use grow::{Context, Result};
use serde::{Deserialize, Serialize};

static RATE: f64 = 1.5;
static mut HANDLED: u32 = 0;

#[derive(Deserialize, Clone, Copy, PartialEq)]
enum Size {
    Small,
    Large,
}

#[derive(Deserialize)]
enum Way {
    Pickup,
    Post { street: String, number: u16 },
    Locker(u32),
}

#[derive(Deserialize)]
struct Item {
    name: String,
    qty: u32,
    price: f64,
}

#[derive(Deserialize)]
struct Order {
    id: String,
    items: Vec<Item>,
    size: Size,
    way: Way,
    note: Option<String>,
    limit: Option<u32>,
    gift: Option<Box<Item>>,
}

#[derive(Serialize)]
struct Priced {
    id: String,
    due: f64,
}

struct Totals<'a> {
    order: &'a Order,
    weights: [i16; 4],
    flags: (bool, char, i8),
    checked: std::result::Result<u32, String>,
    failed: std::result::Result<u32, String>,
    by_name: HashMap<String, u32>,
    sorted: BTreeMap<u32, String>,
    shared: RefCell<Vec<u8>>,
}

fn weigh(item: &Item, factor: f64) -> f64 {
    let amount = item.qty as f64;
    let gross = amount * item.price;
    let net = gross * factor;
    net
}

fn sum(totals: &Totals, names: &[&str]) -> f64 {
    let mut due = 0.0;
    let mut count = names.len() as u64;
    for item in totals.order.items.iter() {
        due += weigh(item, RATE);
        count += 1;
    }
    if count == 100 {
        due = -1.0;
    }
    due
}

fn placed(ctx: &mut Context, order: Order) -> Result {
    let mut by_name = HashMap::new();
    let mut sorted = BTreeMap::new();
    for item in &order.items {
        by_name.insert(item.name.clone(), item.qty);
        sorted.insert(item.qty, item.name.clone());
    }
    let totals = Totals {
        order: &order,
        weights: [1, -2, 3, -4],
        flags: (true, 'ü', -7),
        checked: Ok(7),
        failed: Err("no stock".to_string()),
        by_name,
        sorted,
        shared: RefCell::new(vec![4, 2]),
    };
    let names = ["first", "second"];
    let due = sum(&totals, &names);
    unsafe { HANDLED += 1 };
    let id = order.id.clone();
    if order.items.is_empty() {
        panic!("{id} has {} items\nand no more", order.items.len());
    }
    ctx.send("order.priced", &Priced { id, due })
}

grow::actor! { "order.placed" => placed }
