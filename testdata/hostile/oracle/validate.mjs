// Reads modules from standard input, each after its length (u32, little-endian), and writes a
// line for each: ok or no; why it is not valid when the highest bit of the length is set.
let parts = [], have = 0;
const out = [];

function take(n) {
  if (have < n) return null;
  let b = parts.length === 1 ? parts[0] : Buffer.concat(parts);
  parts = b.length > n ? [b.subarray(n)] : [];
  have = b.length - n;
  return b.subarray(0, n);
}

function verdict(b, why) {
  if (WebAssembly.validate(b)) return 'ok';
  if (!why) return 'no';
  try {
    new WebAssembly.Module(b);
    return 'no';
  } catch (e) {
    return String(e.message).replace(/\s+/g, ' ');
  }
}

let want = -1, why = false;
process.stdin.on('data', (chunk) => {
  parts.push(chunk);
  have += chunk.length;
  for (;;) {
    if (want < 0) {
      const head = take(4);
      if (!head) break;
      want = head.readUInt32LE(0) & 0x7fffffff;
      why = head[3] > 0x7f;
    }
    const b = take(want);
    if (!b) break;
    want = -1;
    out.push(verdict(b, why));
  }
  if (out.length) process.stdout.write(out.splice(0).join('\n') + '\n');
});
