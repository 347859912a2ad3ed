/** Lines to begin with: who, what, where and when the model in the package knows about. */

export const EXAMPLES = [
  {
    label: "A fox meets an owl",
    prompt: "Tell me a story about a shy fox who meets an owl in the forest at night.",
  },
  {
    label: "A panda, painted",
    prompt: "A picture of a brave panda on the beach at sunset.",
  },
  {
    label: "A robot’s treasure",
    prompt: "Tell me a story about a curious robot who finds a treasure in the cave.",
  },
  {
    label: "A dragon’s birthday",
    prompt: "Tell me a story about a sleepy dragon who has a birthday in the house in the rain.",
  },
  {
    label: "A penguin’s kite",
    prompt: "Tell me a short story about a tiny penguin and its kite in the snow on a sunny day.",
  },
  {
    label: "A duck’s race",
    prompt: "Tell me a story about a happy duck who runs a race on the road at sunset.",
  },
];

const FORMS = ["Tell me a story about", "Tell me a story about", "Tell me a short story about"];
const ADJECTIVES = ["shy", "brave", "tiny", "sleepy", "curious", "happy", "clever", "kind"];
const CHARACTERS = [
  ..."fox rabbit bear panda koala lion frog penguin owl cat dog mouse".split(" "),
  ..."pig tiger monkey hedgehog duck elephant unicorn dragon turtle robot ghost raccoon".split(" "),
];
const PLACES = [
  "in the meadow",
  "in the forest",
  "on the beach",
  "in the snow",
  "on the sea",
  "in the cave",
  "in the house",
  "on the road",
];
const SKIES = ["on a sunny day", "at sunset", "at night", "in the rain"];

/** A line that nobody chose. */
export function randomPrompt() {
  const who = `a ${pick(ADJECTIVES)} ${pick(CHARACTERS)}`;
  return `${pick(FORMS)} ${who} ${pick(PLACES)} ${pick(SKIES)}.`;
}

function pick(list) {
  return list[Math.floor(Math.random() * list.length)];
}
