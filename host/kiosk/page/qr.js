// QR codes (ISO/IEC 18004), byte mode, error correction M, versions 1 to 40.

const ECC = [0, 10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28];
const BLOCKS = [0, 1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49];

const times = (x, y) => {
  let z = 0;
  for (let i = 7; i >= 0; i -= 1) {
    z = (z << 1) ^ ((z >>> 7) * 0x11d);
    z ^= ((y >>> i) & 1) * x;
  }
  return z;
};

function divisor(degree) {
  const out = new Array(degree).fill(0);
  out[degree - 1] = 1;
  let root = 1;
  for (let i = 0; i < degree; i += 1) {
    for (let j = 0; j < degree; j += 1) {
      out[j] = times(out[j], root);
      if (j + 1 < degree) out[j] ^= out[j + 1];
    }
    root = times(root, 2);
  }
  return out;
}

function remainder(data, by) {
  const out = by.map(() => 0);
  for (const byte of data) {
    const factor = byte ^ out.shift();
    out.push(0);
    by.forEach((value, index) => (out[index] ^= times(value, factor)));
  }
  return out;
}

function rawModules(version) {
  let modules = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const align = Math.floor(version / 7) + 2;
    modules -= (25 * align - 10) * align - 55;
    if (version >= 7) modules -= 36;
  }
  return modules;
}

function alignment(version) {
  if (version === 1) return [];
  const n = Math.floor(version / 7) + 2;
  const step = version === 32 ? 26 : Math.ceil((version * 4 + 4) / (n * 2 - 2)) * 2;
  const out = [6];
  for (let at = version * 4 + 10; out.length < n; at -= step) out.splice(1, 0, at);
  return out;
}

const MASKS = [
  (x, y) => (x + y) % 2,
  (x, y) => y % 2,
  (x) => x % 3,
  (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2,
  (x, y) => ((x * y) % 2) + ((x * y) % 3),
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
];

function codewords(text) {
  const bytes = new TextEncoder().encode(text);
  for (let version = 1; version <= 40; version += 1) {
    const total = Math.floor(rawModules(version) / 8);
    const capacity = total - ECC[version] * BLOCKS[version];
    const lengthBits = version < 10 ? 8 : 16;
    if (4 + lengthBits + bytes.length * 8 > capacity * 8) continue;
    const bits = [];
    const put = (value, n) => {
      for (let i = n - 1; i >= 0; i -= 1) bits.push((value >>> i) & 1);
    };
    put(4, 4);
    put(bytes.length, lengthBits);
    bytes.forEach((byte) => put(byte, 8));
    put(0, Math.min(4, capacity * 8 - bits.length));
    put(0, (8 - (bits.length % 8)) % 8);
    for (let pad = 0xec; bits.length < capacity * 8; pad ^= 0xec ^ 0x11) put(pad, 8);
    const data = [];
    for (let i = 0; i < bits.length; i += 8) data.push(parseInt(bits.slice(i, i + 8).join(''), 2));
    return { version, total, data };
  }
  throw new RangeError(`${bytes.length} bytes do not fit into a QR code`);
}

function interleave({ version, total, data }) {
  const n = BLOCKS[version];
  const short = n - (total % n);
  const length = Math.floor(total / n) - ECC[version];
  const by = divisor(ECC[version]);
  const blocks = [];
  for (let i = 0, at = 0; i < n; i += 1) {
    const part = data.slice(at, at + length + (i < short ? 0 : 1));
    at += part.length;
    blocks.push({ part, check: remainder(part, by) });
  }
  const out = [];
  for (let i = 0; i <= length; i += 1) for (const { part } of blocks) if (i < part.length) out.push(part[i]);
  for (let i = 0; i < ECC[version]; i += 1) for (const { check } of blocks) out.push(check[i]);
  return out;
}

/** The code for a text: `{size, dark(x, y)}` without quiet zone. RangeError when it is too long. */
export function encode(text) {
  const words = codewords(text);
  const { version } = words;
  const size = version * 4 + 17;
  const dark = Array.from({ length: size }, () => new Uint8Array(size));
  const fixed = Array.from({ length: size }, () => new Uint8Array(size));
  const set = (x, y, on) => {
    if (x < 0 || y < 0 || x >= size || y >= size) return;
    dark[y][x] = on ? 1 : 0;
    fixed[y][x] = 1;
  };
  for (let i = 0; i < size; i += 1) {
    set(6, i, i % 2 === 0);
    set(i, 6, i % 2 === 0);
  }
  for (const [cx, cy] of [[3, 3], [size - 4, 3], [3, size - 4]]) {
    for (let dy = -4; dy <= 4; dy += 1) for (let dx = -4; dx <= 4; dx += 1) {
      const ring = Math.max(Math.abs(dx), Math.abs(dy));
      set(cx + dx, cy + dy, ring !== 2 && ring !== 4);
    }
  }
  const places = alignment(version);
  const last = places.length - 1;
  places.forEach((x, i) => places.forEach((y, j) => {
    if ((i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0)) return;
    for (let dy = -2; dy <= 2; dy += 1) for (let dx = -2; dx <= 2; dx += 1) set(x + dx, y + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
  }));
  const format = (mask) => {
    let rest = mask;
    for (let i = 0; i < 10; i += 1) rest = (rest << 1) ^ ((rest >>> 9) * 0x537);
    const bits = ((mask << 10) | rest) ^ 0x5412;
    const bit = (i) => (bits >>> i) & 1;
    for (let i = 0; i <= 5; i += 1) set(8, i, bit(i));
    set(8, 7, bit(6));
    set(8, 8, bit(7));
    set(7, 8, bit(8));
    for (let i = 9; i < 15; i += 1) set(14 - i, 8, bit(i));
    for (let i = 0; i < 8; i += 1) set(size - 1 - i, 8, bit(i));
    for (let i = 8; i < 15; i += 1) set(8, size - 15 + i, bit(i));
    set(8, size - 8, true);
  };
  format(0);
  if (version >= 7) {
    let rest = version;
    for (let i = 0; i < 12; i += 1) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25);
    const bits = (version << 12) | rest;
    for (let i = 0; i < 18; i += 1) {
      const a = size - 11 + (i % 3);
      const b = Math.floor(i / 3);
      set(a, b, (bits >>> i) & 1);
      set(b, a, (bits >>> i) & 1);
    }
  }
  const stream = interleave(words);
  let at = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let v = 0; v < size; v += 1) for (let j = 0; j < 2; j += 1) {
      const x = right - j;
      const y = ((right + 1) & 2) === 0 ? size - 1 - v : v;
      if (fixed[y][x]) continue;
      dark[y][x] = at < stream.length * 8 ? (stream[at >>> 3] >>> (7 - (at & 7))) & 1 : 0;
      at += 1;
    }
  }
  const flip = (mask) => {
    for (let y = 0; y < size; y += 1) for (let x = 0; x < size; x += 1) if (!fixed[y][x] && MASKS[mask](x, y) === 0) dark[y][x] ^= 1;
  };
  let best = 0;
  let least = Infinity;
  for (let mask = 0; mask < 8; mask += 1) {
    format(mask);
    flip(mask);
    const cost = penalty(dark, size);
    if (cost < least) {
      least = cost;
      best = mask;
    }
    flip(mask);
  }
  format(best);
  flip(best);
  return { size, dark: (x, y) => dark[y][x] === 1 };
}

function penalty(dark, size) {
  let cost = 0;
  let black = 0;
  const finder = /(?=00001011101|10111010000)/g;
  for (let i = 0; i < size; i += 1) {
    let row = '';
    let column = '';
    for (let j = 0; j < size; j += 1) {
      row += dark[i][j];
      column += dark[j][i];
      black += dark[i][j];
      if (i && j && dark[i][j] === dark[i - 1][j] && dark[i][j] === dark[i][j - 1] && dark[i][j] === dark[i - 1][j - 1]) cost += 3;
    }
    for (const line of [row, column]) {
      for (const run of line.match(/0{5,}|1{5,}/g) ?? []) cost += run.length - 2;
      cost += (line.match(finder)?.length ?? 0) * 40;
    }
  }
  return cost + Math.floor(Math.abs((black * 20) / (size * size) - 10)) * 10;
}
