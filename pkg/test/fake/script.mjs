// A story that writes itself: insertions at random places, and two pictures, from a seed.

const WORDS = ["fox", " 🦊", "\n", "sleeps ", "é", "under ", "the", " moon", ". "];

export function makeScript({ seed, steps = 6, maxImages = 2, previewEvery }) {
  const random = generator(seed);
  const script = [];
  let text = "";
  for (let step = 1; step <= steps; step++) {
    const t = step / steps;
    const events = [];
    const edits = makeEdits(text, random);
    text = edits.reduce(
      (now, { at, insert, remove = 0 }) => now.slice(0, at) + insert + now.slice(at + remove),
      text,
    );
    if (edits.length > 0) events.push({ type: "text", step, t, edits, text });
    for (let index = 0; index < maxImages; index++) {
      const final = step === steps;
      if (!final && (previewEvery === 0 || step % previewEvery !== 0)) continue;
      const rgba = new Uint8ClampedArray(16)
        .fill(255)
        .map((value, at) => (at % 4 < 3 ? step : value));
      events.push({ type: "image", step, t, index, at: 0, width: 2, height: 2, rgba, final });
    }
    events.push({ type: "step", step, steps, t });
    script.push(events);
  }
  const parts = [{ type: "text", text }];
  for (let index = 0; index < maxImages; index++) {
    parts.push({ type: "image", index, alt: index === 0 ? "a fox" : "" });
  }
  const stats = { steps, rounds: 0, tokens: text.length, images: maxImages };
  script.at(-1).push({ type: "done", text, parts, seed, stats });
  return script;
}

/** From right to left, as the real engine gives them; sometimes a character arrives in pieces. */
function makeEdits(text, random) {
  const places = Array.from({ length: random(4) }, () => random(text.length + 1));
  return [...new Set(places)]
    .sort((a, b) => b - a)
    .map((at) => {
      const insert = WORDS[random(WORDS.length)];
      const remove = Math.min(random(3), text.length - at);
      return remove > 0 ? { at, insert, remove } : { at, insert };
    })
    .filter(({ at, remove = 0 }, index, all) => index === 0 || at + remove <= all[index - 1].at);
}

/** mulberry32 */
function generator(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
