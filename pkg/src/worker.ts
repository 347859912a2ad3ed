/** The worker's file. It is named by its address and never imported. */

import type { Port } from "./protocol.js";
import { serve } from "./service.js";

serve(globalThis as unknown as Port);
