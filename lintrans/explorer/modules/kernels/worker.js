// What the workers of the page compute, by name.

import { serve } from "../../../pages/modules/serve.js";
import { basinPoints } from "./basins.js";
import { walk } from "./batches.js";
import { densityCounts } from "./densities.js";
import { descend } from "./descent.js";
import { lyapunov } from "./exponents.js";
import { orbitImage, orbitSamples } from "./states.js";

serve({ basinPoints, densityCounts, descend, lyapunov, orbitImage, orbitSamples, walk });
