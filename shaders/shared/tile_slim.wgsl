// A tile for few outputs along j, as the three channels of an image.

const TILE_M: u32 = 256u;
const TILE_J: u32 = 4u;
const DEPTH: u32 = 4u;
