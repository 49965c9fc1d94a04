// Whether the native core loads from where this file lies.
import { loadCore } from "../../../../src/native/binding.js";

try {
  loadCore().pageSize();
  console.log("loaded");
} catch (error) {
  console.log(String(error));
}
