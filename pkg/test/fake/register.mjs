// node --import ./test/fake/register.mjs: puts the fake engine in the place of the generated one.

import { register } from "node:module";

register("./hooks.mjs", import.meta.url);
