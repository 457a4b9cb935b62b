import { twice } from "./numbers.js";

onmessage = ({ data }) => postMessage(`${twice(data)} < 43`);
