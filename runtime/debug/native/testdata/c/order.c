typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef enum { SMALL, MEDIUM, LARGE } Size;
typedef struct { i32 qty; double price; const char *name; } Item;
typedef struct { u32 id : 12; u32 open : 1; i64 total; Item items[3]; Size size; Item *best; union { i32 whole; float part; } rest; } Order;

static Order order;
static i32 handled = 7;
static unsigned char block[65536];
static i32 matrix[2][3] = {{1, 2, 3}, {4, 5, 6}};

static double weigh(const Item *item, double factor) {
    double gross = item->qty * item->price;
    double net = gross * factor;
    return net;
}

static double sum(Order *o, i32 n) {
    double due = 0;
    for (i32 i = 0; i < n; i++) {
        due += weigh(&o->items[i], 1.5);
        handled++;
    }
    o->best = &o->items[1];
    return due;
}

static i32 fib(i32 n) {
    if (n < 2)
        return n;
    return fib(n - 1) + fib(n - 2);
}

__attribute__((export_name("grow_alloc"))) u32 grow_alloc(u32 size) {
    return size > sizeof block ? 0 : (u32)block;
}

__attribute__((export_name("grow_handle"))) i64 grow_handle(u32 at, u32 length) {
    char text[8] = "abc";
    order.id = 77;
    order.size = LARGE;
    order.items[0] = (Item){2, 1.25, "bolt"};
    order.items[1] = (Item){3, 4.5, "nut"};
    order.items[2] = (Item){(i32)length, 0.5, text};
    double due = sum(&order, 3);
    order.total = (i64)due + fib(10);
    if (*(char *)at == 'x')
        for (;;) handled = handled * matrix[1][2];
    return 0;
}
