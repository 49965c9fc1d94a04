import type { Maker } from "../contract/maker.js";

/** For a peer: the maker of that name, test/contract/makers/NAME.ts. */
export async function loadMaker(name: string): Promise<Maker> {
  const module = (await import(new URL(`../contract/makers/${name}.js`, import.meta.url).href)) as {
    readonly maker: Maker;
  };
  return module.maker;
}
