// The data of the page: unpacked piece by piece, when it is looked at.

class Data {
  constructor(index) {
    Object.assign(this, index);
    this.unpacked = new Map();
    this.labels = this.runs.map((_, i) => runLabel(this, i));
  }

  /** Numbers of a blob, as a typed array. */
  numbers(blob, form) {
    return this.once(`n${blob}`, async () => {
      const bytes = await unpack(this.blobs[blob]);
      return form === "f8" ? new Float64Array(bytes) : new Float32Array(bytes);
    });
  }

  json(blob) {
    return this.once(`j${blob}`, async () => JSON.parse(new TextDecoder().decode(await unpack(this.blobs[blob]))));
  }

  /** Texts take room once unpacked: only the latest packs are kept. */
  async pack(blob) {
    const key = `j${blob}`;
    const found = this.unpacked.get(key);
    const value = found || this.json(blob);
    this.unpacked.delete(key);
    this.unpacked.set(key, value);
    const packs = [...this.unpacked.keys()].filter((each) => this.packs().has(each));
    for (const old of packs.slice(0, Math.max(0, packs.length - PACKS_KEPT))) this.unpacked.delete(old);
    return value;
  }

  packs() {
    this.packKeys ||= new Set(this.runs.flatMap((run) => (run.rollouts ? run.rollouts.packs : [])).map((blob) => `j${blob}`));
    return this.packKeys;
  }

  once(key, make) {
    if (!this.unpacked.has(key)) this.unpacked.set(key, make());
    return this.unpacked.get(key);
  }
}

const PACKS_KEPT = 40;

async function unpack(base64) {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
