/* An actor in C, without a library: it reads an order, checks it as JSON, adds
 * its items up, and sends echo.done. Written from abi/README.md; ../order.go says
 * what makes order.wasm of it. */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define EXPORT(name) __attribute__((export_name(name)))
#define PAGE 65536u

static u8 *block; /* of input */
static u32 room;  /* bytes of it */

/* grow_alloc is room for len bytes at the end of memory. */
EXPORT("grow_alloc") u8 *grow_alloc(u32 len) {
  if (block == 0 || len > room) {
    u32 pages = len / PAGE + 1;
    u32 at = __builtin_wasm_memory_grow(0, pages);
    if (at == ~0u) return 0;
    block = (u8 *)(at * PAGE);
    room = pages * PAGE;
  }
  return block;
}

/* text is a piece of the input. */
struct text {
  const u8 *at;
  u32 len;
};

struct order {
  struct text id, customer;
  double total, sum; /* as said, and of the items */
  u32 items;
};

/* input is JSON that is being read. */
struct input {
  const u8 *p, *end;
  int bad;
};

static u32 short_at(const u8 *p) { return p[0] | (u32)p[1] << 8; }
static u32 long_at(const u8 *p) { return short_at(p) | short_at(p + 2) << 16; }

static int same(struct text t, const char *s) {
  u32 i = 0;
  for (; i < t.len && s[i]; i++)
    if (t.at[i] != (u8)s[i]) return 0;
  return i == t.len && !s[i];
}

static void space(struct input *in) {
  while (in->p < in->end && (*in->p == ' ' || *in->p == '\n' || *in->p == '\t' || *in->p == '\r')) in->p++;
}

/* next is the next character that is no space; 0 at the end. */
static u8 next(struct input *in) {
  space(in);
  return in->p < in->end ? *in->p : 0;
}

static void expect(struct input *in, u8 c) {
  if (next(in) == c) in->p++;
  else in->bad = 1;
}

/* string is what stands between quotes, as it stands there. */
static struct text string(struct input *in) {
  expect(in, '"');
  struct text t = {in->p, 0};
  while (in->p < in->end && *in->p != '"') {
    if (*in->p < 0x20) in->bad = 1;
    in->p += *in->p == '\\' ? 2 : 1;
  }
  if (in->p >= in->end) {
    in->p = in->end;
    in->bad = 1;
    return t;
  }
  t.len = (u32)(in->p - t.at);
  in->p++;
  return t;
}

static int digit(struct input *in) { return in->p < in->end && *in->p >= '0' && *in->p <= '9'; }

static double number(struct input *in) {
  double v = 0, scale = 1;
  int minus = next(in) == '-';
  if (minus) in->p++;
  if (!digit(in)) in->bad = 1;
  for (; digit(in); in->p++) v = v * 10 + (*in->p - '0');
  if (in->p < in->end && *in->p == '.') {
    in->p++;
    for (; digit(in); in->p++) {
      v = v * 10 + (*in->p - '0');
      scale *= 10;
    }
  }
  return (minus ? -v : v) / scale;
}

static void value(struct input *in, int depth);

/* more goes on to the next member of a list, and is 0 behind the last. */
static int more(struct input *in, int first, u8 close) {
  if (in->bad) return 0;
  if (next(in) == close) {
    in->p++;
    return 0;
  }
  if (!first) expect(in, ',');
  return !in->bad;
}

/* value reads over any value. */
static void value(struct input *in, int depth) {
  u8 c = next(in);
  if (depth > 32) {
    in->bad = 1;
  } else if (c == '"') {
    string(in);
  } else if (c == '{' || c == '[') {
    in->p++;
    u8 close = c == '{' ? '}' : ']';
    for (int first = 1; more(in, first, close); first = 0) {
      if (c == '{') {
        string(in);
        expect(in, ':');
      }
      value(in, depth + 1);
    }
  } else if (c == '-' || (c >= '0' && c <= '9')) {
    number(in);
  } else {
    while (in->p < in->end && *in->p >= 'a' && *in->p <= 'z') in->p++;
  }
}

static void item(struct input *in, struct order *o) {
  double qty = 0, price = 0;
  expect(in, '{');
  for (int first = 1; more(in, first, '}'); first = 0) {
    struct text name = string(in);
    expect(in, ':');
    if (same(name, "qty")) qty = number(in);
    else if (same(name, "price")) price = number(in);
    else value(in, 0);
  }
  o->sum += qty * price;
  o->items++;
}

static void read_order(struct input *in, struct order *o) {
  expect(in, '{');
  for (int first = 1; more(in, first, '}'); first = 0) {
    struct text name = string(in);
    expect(in, ':');
    if (same(name, "id")) o->id = string(in);
    else if (same(name, "customer")) o->customer = string(in);
    else if (same(name, "total")) o->total = number(in);
    else if (same(name, "items")) {
      expect(in, '[');
      for (int one = 1; more(in, one, ']'); one = 0) item(in, o);
    } else value(in, 0);
  }
}

/* output is the answer that is being written. What does not fit is left out: an
 * order's strings are cut at 256 bytes. */
static u8 answer[2048];
static u32 written;

static void put(u8 c) {
  if (written < sizeof answer) answer[written++] = c;
}

static void put_text(struct text t) {
  for (u32 i = 0; i < t.len && i < 256; i++) put(t.at[i]);
}

static void put_string(const char *s) {
  while (*s) put((u8)*s++);
}

static void put_long(u32 v) {
  for (int i = 0; i < 4; i++, v >>= 8) put((u8)v);
}

/* put_amount writes an amount in whole cents. */
static void put_amount(double v) {
  u8 digits[24];
  u32 n = 0;
  if (v < 0) {
    put('-');
    v = -v;
  }
  u64 cents = v < 1e15 ? (u64)(v * 100 + 0.5) : 0;
  do {
    digits[n++] = (u8)('0' + cents % 10);
    cents /= 10;
  } while (cents || n < 3);
  while (n > 0) {
    if (n == 2) put('.');
    put(digits[--n]);
  }
}

static void begin(const char *type, u32 len) {
  written = 0;
  put_long(1);
  put(1), put(0);
  put(4), put(0), put_string("type");
  put_long(len), put_string(type);
}

EXPORT("grow_handle") u64 grow_handle(const u8 *p, u32 len) {
  const u8 *end = p + len;
  u32 attributes = short_at(p + 4);
  p += 6;
  for (; attributes > 0; attributes--) {
    p += 2 + short_at(p);
    p += 4 + long_at(p);
  }
  struct input in = {p + 4, end, 0};
  struct order o = {{0, 0}, {0, 0}, 0, 0, 0};
  read_order(&in, &o);
  if (next(&in) != 0) in.bad = 1;
  if (in.bad) {
    begin("grow.error", 10);
    put_long(12), put_string("not an order");
    return (u64)(u32)answer << 32 | written;
  }
  begin("echo.done", 9);
  u32 length = written;
  put_long(0);
  u32 data = written;
  put_string("{\"id\":\""), put_text(o.id);
  put_string("\",\"customer\":\""), put_text(o.customer);
  put_string("\",\"total\":"), put_amount(o.total);
  put_string(",\"sum\":"), put_amount(o.sum);
  put_string("}");
  u32 end_of = written;
  written = length;
  put_long(end_of - data);
  written = end_of;
  return (u64)(u32)answer << 32 | written;
}
