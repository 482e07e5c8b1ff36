// A tile for many outputs along both sides.

const TILE_M: u32 = 64u;
const TILE_J: u32 = 64u;
const DEPTH: u32 = 16u;
