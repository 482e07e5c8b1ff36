//! How a product is cut up for a device: tiles of outputs for workgroups, parts of them for invocations, and the text
//! that comes of it. Which tile is fastest depends on the device alone, what it computes does not depend on the tile.
//!
//! The text is written out, not looped: registers cannot be indexed, and guards that compilers put around loops and
//! arrays weigh more in the innermost one than what it computes. Numbers of a tile lie in fours, so that shared memory
//! is read and written 128 bits at a time (in f32), and an invocation's fours lie a tile's width apart, so that its
//! neighbours read neighbouring ones.

use super::adapter::Info;
use super::inflate::Real;
use std::fmt::{self, Write};

/// Outputs of a workgroup and of an invocation along both sides, products at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    pub m: usize,
    pub j: usize,
    pub depth: usize,
    pub own_m: usize,
    pub own_j: usize,
    /// Are the next operands loaded while the last ones are multiplied?
    pub double: bool,
}

/// Products that are written out before the loop over them turns.
const TURN: usize = 4;

const fn tile([m, j, depth]: [usize; 3], [own_m, own_j]: [usize; 2], double: bool) -> Tile {
    Tile { m, j, depth, own_m, own_j, double }
}

/// For many outputs along both sides; the first one wherever nobody has measured.
pub const WIDE: [Tile; 5] = [
    tile([64, 64, 16], [4, 4], false),
    tile([64, 64, 8], [4, 4], true),
    tile([128, 64, 8], [8, 4], true),
    tile([128, 128, 8], [8, 8], false),
    tile([128, 128, 8], [8, 8], true),
];
/// For few outputs along j, as the three channels of an image.
pub const SLIM: [Tile; 2] = [tile([256, 4, 4], [4, 4], false), tile([256, 8, 8], [8, 4], true)];
/// For few vectors, as the rows of a Jacobian of a classifier.
pub const LOW: [Tile; 2] = [tile([16, 128, 16], [4, 4], false), tile([8, 256, 8], [4, 8], true)];

/// How a device cuts products up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cuts {
    pub wide: Tile,
    pub slim: Tile,
    pub low: Tile,
    /// Workgroups that keep a device busy: where there are fewer, long sums come in slices.
    pub busy: usize,
    /// Products of a slice, at least.
    pub long: usize,
}

impl fmt::Display for Cuts {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Cuts { wide, slim, low, busy, .. } = self;
        write!(f, "{}; slim {}; low {}; slices below {busy} workgroups", wide.name(), slim.name(), low.name())
    }
}

impl Cuts {
    /// What nobody has measured: the first tiles that the device can run.
    pub fn of(info: &Info, real: Real) -> Cuts {
        let first =
            |list: &[Tile]| *list.iter().find(|t| t.fits(real, info.shared, info.lanes)).unwrap_or(&list[0]);
        Cuts { wide: first(&WIDE), slim: first(&SLIM), low: first(&LOW), busy: 256, long: 256 }
    }

    /// For outputs `rows` along m and `width` along j.
    pub fn tile(&self, rows: usize, width: usize) -> Tile {
        // A tile would be mostly empty where a side is short.
        match (rows, width) {
            (_, width) if width <= 8 => self.slim,
            (rows, _) if rows <= 2 * self.low.m => self.low,
            _ => self.wide,
        }
    }

    /// In how many slices a sum of `depth` products comes, where so many workgroups compute the results.
    pub fn slices(&self, workgroups: usize, depth: usize) -> usize {
        (self.busy / workgroups.max(1)).min(depth / self.long.max(1)).max(1)
    }
}

impl Tile {
    pub fn lanes(&self) -> usize {
        self.m / self.own_m * (self.j / self.own_j)
    }

    /// Its name among those of its kernel.
    pub fn name(&self) -> String {
        let Tile { m, j, depth, own_m, own_j, double } = self;
        format!("{m}x{j}x{depth}, {own_m}x{own_j}{}", if *double { ", doubled" } else { "" })
    }

    fn halves(&self) -> usize {
        1 + self.double as usize
    }

    /// Fours of a row of operands: one more than there are, so that rows begin in different banks.
    fn row(&self) -> usize {
        self.m / 4 + 1
    }

    /// Bytes of shared memory.
    pub fn shared(&self, real: Real) -> usize {
        let numbers = 4 * self.halves() * self.depth * (2 * self.row() + self.j / 4);
        numbers * real.bytes() + 16 * self.halves() * self.depth + 4 * self.m
    }

    /// Products and sums of an invocation for each number that it reads from shared memory.
    pub fn intensity(&self) -> f64 {
        (2 * self.own_m * self.own_j) as f64 / (2 * self.own_m + self.own_j) as f64
    }

    /// Operations of a workgroup for each number that it reads from memory.
    pub fn traffic(&self) -> f64 {
        (4 * self.m * self.j) as f64 / (2 * self.m + self.j) as f64
    }

    /// Can the device run it?
    pub fn fits(&self, real: Real, shared: usize, lanes: usize) -> bool {
        self.shared(real) <= shared && self.lanes() <= lanes
    }

    /// Constants and shared memory, in front of everything that uses them.
    pub fn head(&self) -> String {
        let mut out = String::new();
        for (name, value) in [
            ("TILE_M", self.m),
            ("TILE_J", self.j),
            ("DEPTH", self.depth),
            ("LANES", self.lanes()),
            ("ROW_M", self.row()),
            ("ROW_J", self.j / 4),
        ] {
            let _ = writeln!(out, "const {name}: u32 = {value}u;");
        }
        let rows = self.halves() * self.depth;
        let _ = writeln!(out, "var<workgroup> tile_c: array<vec4<real>, {}>;", rows * self.row());
        let _ = writeln!(out, "var<workgroup> tile_r: array<vec4<real>, {}>;", rows * self.row());
        let _ = writeln!(out, "var<workgroup> tile_w: array<vec4<real>, {}>;", rows * self.j / 4);
        let _ = writeln!(out, "var<workgroup> taps: array<vec4<i32>, {rows}>;");
        out
    }

    /// The kernel's entry: neighbours load along k where `along_k`, else along m.
    pub fn main(&self, along_k: bool) -> String {
        let mut out = String::from(
            "@compute @workgroup_size(LANES)\n\
             fn main(@builtin(workgroup_id) at: vec3<u32>, @builtin(local_invocation_index) lane: u32) {\n\
             let m0 = (at.x + sizes[3]) * TILE_M;\nlet j0 = at.y * TILE_J;\n\
             let group = at.z / sizes[6];\nlet slice = at.z % sizes[6];\n\
             let first = slice * sizes[7];\nlet end = min(first + sizes[7], sizes[2]);\n",
        );
        let along = self.j / self.own_j;
        let _ = writeln!(out, "let x = lane % {along}u;\nlet y = lane / {along}u;");
        for (i, q) in self.sums() {
            let _ = writeln!(out, "var c{i}_{q} = vec4<real>();\nvar r{i}_{q} = vec4<real>();");
        }
        self.places(along_k, &mut out);
        out += "if first < end {\n";
        if self.double {
            self.doubled(&mut out)
        } else {
            self.single(&mut out)
        }
        out += "}\n";
        self.end(&mut out);
        out + "}\n"
    }

    /// Rows of an invocation, and fours along j.
    fn sums(&self) -> impl Iterator<Item = (usize, usize)> {
        let fours = self.own_j / 4;
        (0..self.own_m).flat_map(move |i| (0..fours).map(move |q| (i, q)))
    }

    /// Fours of operands that one invocation loads at a time, and of weights.
    fn loads(&self) -> [usize; 2] {
        [self.m, self.j].map(|side| (side / 4 * self.depth).div_ceil(self.lanes()))
    }

    /// Which fours an invocation loads, and where their outputs lie.
    fn places(&self, along_k: bool, out: &mut String) {
        let [operands, weights] = self.loads();
        for p in 0..operands {
            let slot = format!("lane + {}u", p * self.lanes());
            let (k, four) = match along_k {
                true => (format!("({slot}) % DEPTH"), format!("({slot}) / DEPTH")),
                false => (format!("({slot}) / (TILE_M / 4u)"), format!("({slot}) % (TILE_M / 4u)")),
            };
            let _ = writeln!(out, "let k{p} = {k};\nlet four{p} = {four};\nvar live{p} = vec4<bool>();");
            for t in 0..4 {
                let _ = writeln!(
                    out,
                    "let place{p}_{t} = place_of(min(m0 + 4u * four{p} + {t}u, sizes[0] - 1u), group);"
                );
            }
        }
        for p in 0..weights {
            let slot = format!("lane + {}u", p * self.lanes());
            let _ = writeln!(out, "let wk{p} = ({slot}) % DEPTH;\nlet wfour{p} = ({slot}) / DEPTH;");
        }
    }

    /// Asks whether slot p is inside the tile, where it is not for every invocation: both numbers of it must be.
    fn guard(&self, p: usize, side: usize, [k, four]: [&str; 2]) -> Option<String> {
        let inside = (p + 1) * self.lanes() <= side / 4 * self.depth;
        (!inside).then(|| format!("if {k}{p} < DEPTH && {four}{p} < {}u {{\n", side / 4))
    }

    /// Operands and weights of the products from `k`, by the taps of one half, into registers.
    fn load(&self, k: &str, half: &str, out: &mut String) {
        let [operands, weights] = self.loads();
        for p in 0..operands {
            let _ = writeln!(out, "var c{p} = vec4<real>();\nvar r{p} = vec4<real>();");
            let guard = self.guard(p, self.m, ["k", "four"]);
            let _ = writeln!(out, "{}if {k} + k{p} < end {{", guard.as_deref().unwrap_or(""));
            let _ = writeln!(out, "let tap = taps[{half} * DEPTH + k{p}];");
            for t in 0..4 {
                let _ = writeln!(out, "let e{t} = fetch(place{p}_{t}, tap);");
            }
            let _ = writeln!(out, "c{p} = vec4<real>(e0.x, e1.x, e2.x, e3.x);");
            let _ = writeln!(out, "r{p} = vec4<real>(e0.y, e1.y, e2.y, e3.y);");
            let _ = writeln!(out, "live{p} = live{p} | (c{p} != vec4<real>()) | (r{p} != vec4<real>());");
            out.push_str(if guard.is_some() { "}\n}\n" } else { "}\n" });
        }
        for p in 0..weights {
            let _ = writeln!(out, "var w{p} = vec4<real>();");
            let guard = self.guard(p, self.j, ["wk", "wfour"]);
            let _ = writeln!(
                out,
                "{}w{p} = weigh(taps[{half} * DEPTH + wk{p}], j0 + 4u * wfour{p});",
                guard.as_deref().unwrap_or("")
            );
            out.push_str(if guard.is_some() { "}\n" } else { "" });
        }
    }

    /// Registers into one half of the tile.
    fn put(&self, half: &str, out: &mut String) {
        let [operands, weights] = self.loads();
        for p in 0..operands {
            let guard = self.guard(p, self.m, ["k", "four"]);
            let _ = writeln!(
                out,
                "{}tile_c[({half} * DEPTH + k{p}) * ROW_M + four{p}] = c{p};\n\
                 tile_r[({half} * DEPTH + k{p}) * ROW_M + four{p}] = r{p};",
                guard.as_deref().unwrap_or("")
            );
            out.push_str(if guard.is_some() { "}\n" } else { "" });
        }
        for p in 0..weights {
            let guard = self.guard(p, self.j, ["wk", "wfour"]);
            let _ = writeln!(
                out,
                "{}tile_w[({half} * DEPTH + wk{p}) * ROW_J + wfour{p}] = w{p};",
                guard.as_deref().unwrap_or("")
            );
            out.push_str(if guard.is_some() { "}\n" } else { "" });
        }
    }

    /// All products of one half of the tile.
    fn multiply(&self, half: &str, out: &mut String) {
        let turn = TURN.min(self.depth);
        let _ = writeln!(out, "for (var k = 0u; k < DEPTH; k += {turn}u) {{");
        let (rows, fours) = (self.m / self.own_m, self.j / self.own_j);
        for step in 0..turn {
            let _ = writeln!(out, "{{\nlet row = {half} * DEPTH + k + {step}u;");
            for q in 0..self.own_j / 4 {
                let _ = writeln!(
                    out,
                    "let w{q} = tile_w[row * ROW_J + x + {}u];\nlet s{q} = abs(w{q});",
                    q * fours
                );
            }
            for h in 0..self.own_m / 4 {
                let at = format!("row * ROW_M + y + {}u", h * rows);
                let _ = writeln!(out, "let p{h} = tile_c[{at}];\nlet e{h} = tile_r[{at}];");
            }
            for (i, q) in self.sums() {
                let (h, t) = (i / 4, ["x", "y", "z", "w"][i % 4]);
                let _ = writeln!(out, "c{i}_{q} += p{h}.{t} * w{q};\nr{i}_{q} += e{h}.{t} * s{q};");
            }
            out.push_str("}\n");
        }
        out.push_str("}\n");
    }

    fn single(&self, out: &mut String) {
        out.push_str("mark(lane, 0u, first, end, group);\nworkgroupBarrier();\n");
        out.push_str("for (var k = first; k < end; k += DEPTH) {\n");
        self.load("k", "0u", out);
        self.put("0u", out);
        // From here on nobody reads the taps.
        out.push_str("workgroupBarrier();\nmark(lane, 0u, k + DEPTH, end, group);\n{\n");
        self.multiply("0u", out);
        out.push_str("}\nworkgroupBarrier();\n}\n");
    }

    /// Taps of round t lie in half t % 2, as its operands do. A round loads the next one's operands, finds the
    /// taps of the one after it and multiplies its own; one barrier stands between rounds.
    fn doubled(&self, out: &mut String) {
        out.push_str("mark(lane, 0u, first, end, group);\nmark(lane, 1u, first + DEPTH, end, group);\n");
        out.push_str("workgroupBarrier();\n{\n");
        self.load("first", "0u", out);
        self.put("0u", out);
        out.push_str("}\nworkgroupBarrier();\nvar half = 0u;\n");
        out.push_str("for (var at_k = first; at_k < end; at_k += DEPTH) {\nlet next = at_k + DEPTH;\n");
        self.load("next", "(1u - half)", out);
        out.push_str("mark(lane, half, next + DEPTH, end, group);\n{\n");
        self.multiply("half", out);
        out.push_str("}\nhalf = 1u - half;\n");
        self.put("half", out);
        out.push_str("workgroupBarrier();\n}\n");
    }

    /// Who is alive, and the results.
    fn end(&self, out: &mut String) {
        for p in 0..self.loads()[0] {
            for (t, part) in ["x", "y", "z", "w"].iter().enumerate() {
                let _ =
                    writeln!(out, "if live{p}.{part} {{ atomicStore(&alive[4u * four{p} + {t}u], 1u); }}");
            }
        }
        out.push_str("workgroupBarrier();\n");
        let (rows, fours) = (self.m / self.own_m, self.j / self.own_j);
        for (i, q) in self.sums() {
            let m = format!("m0 + 4u * (y + {}u) + {}u", i / 4 * rows, i % 4);
            let j = format!("j0 + 4u * (x + {}u)", q * fours);
            let _ = writeln!(out, "store({m}, {j}, group, slice, c{i}_{q}, r{i}_{q});");
        }
    }
}
