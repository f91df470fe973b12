// Reads modules from standard input, each after its length (u32, little-endian), and writes a
// line for each: ok, or why it is not valid.
let parts = [], have = 0;
const out = [];

function take(n) {
  if (have < n) return null;
  let b = parts.length === 1 ? parts[0] : Buffer.concat(parts);
  parts = b.length > n ? [b.subarray(n)] : [];
  have = b.length - n;
  return b.subarray(0, n);
}

function verdict(b) {
  if (WebAssembly.validate(b)) return 'ok';
  try {
    new WebAssembly.Module(b);
    return 'refused';
  } catch (e) {
    return String(e.message).replace(/\s+/g, ' ');
  }
}

let want = -1;
process.stdin.on('data', (chunk) => {
  parts.push(chunk);
  have += chunk.length;
  for (;;) {
    if (want < 0) {
      const head = take(4);
      if (!head) break;
      want = head.readUInt32LE(0);
    }
    const b = take(want);
    if (!b) break;
    want = -1;
    out.push(verdict(b));
  }
  if (out.length) process.stdout.write(out.splice(0).join('\n') + '\n');
});
