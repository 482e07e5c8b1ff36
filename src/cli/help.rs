//! What `--help` says beyond `-h`: words explained, units named. Lines fit 80 columns below an indent of ten.

use super::exit;

const WIDTH: usize = 80;

pub const ABOUT: &str = "\
Proven bounds on how steep a neural network can be.

For a network f, a region X and two norms, L is the largest quotient
‖f(x) − f(y)‖ / ‖x − y‖ of two points of X. clarke returns two numbers,
lower ≤ L ≤ upper, both proven with the rounding of the computation
included.";

/// Below the list of commands in `-h`.
pub const EXAMPLES: &str = "\
Examples:
  clarke bound digits.onnx                       the global constant
  clarke bound digits.onnx --input x.npy#7 --eps 0.02
  clarke bound digits.onnx --clip 0,1 --norm 2 --output 3-5
  clarke bound digits.onnx --input x.npy#7 --eps 0.02 --require 'L<=15'

`--help` explains what `-h` lists, here and for every command.
Exit codes: 0 done, 1 refuted, 5 undecided, 2 bad input, 3 contradiction,
4 the machine, 130 interrupted, 143 terminated (best pair written)";

/// The same in `--help`: examples, and every exit code.
pub fn after() -> String {
    let examples = EXAMPLES.split("\n\n").next().unwrap_or_default();
    let mut out = format!("{examples}\n\nExit codes:");
    for (code, text) in exit::MEANING {
        let mut line = format!("  {code:>3} ");
        for word in text.split(' ') {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                out += &format!("\n{}", std::mem::replace(&mut line, " ".repeat(6)));
            }
            line += &format!(" {word}");
        }
        out += &format!("\n{line}");
    }
    out
}

pub const TIME_OF_LAYERS: &str = "\
0: quick methods only; any other time: all that are worth while, layer
by layer";

pub const CERTIFY: &str = "\
For every sample the class that is proven to lead at it, by how much, and
how far around it: yes or no at --eps, or the largest radius that can be
proven with --radius.

Rows go to --out FILE as they are finished, one JSON object a line after a
header. The same command goes on with that file: finished rows are kept,
failed ones are tried again. Without --out they go to stdout.

verified: true, proven; false, a counterexample was found, or the class is
not the label; null, open. `method` says what the radius rests on: `linear`
for linear bounds of the margins, `branch-and-bound` for parts of the ball,
else the method behind the anchored constant `upper`.

Exit code 1: some rows failed.";

pub const BATCH: &str = "\
What `clarke bound` says of every line of a table. Lines go to --out FILE as
they are finished, one JSON object each after a header; the same command
goes on with that file. Networks are opened once.";

pub const JOBS: &str = "\
columns, any but net may be absent: key, net, input, eps, ball,
in_norm, out_norm, output, quantity, clip, method, time; vnnlib
instead of input and eps. The quantity `property` asks whether any
member of the vnnlib file's box meets its conditions on outputs:
holds, violated with a counterexample, or open. Without a header:
network, property, seconds. Files are looked for beside the table,
too.";

pub const MERGE: &str = "\
Puts the journals of `clarke certify --shard I/N` together: rows in order,
to --out FILE or stdout. Parts of another job, rows that are missing and
rows that contradict each other are refused.";

pub const DIFF: &str = "\
Counts of every journal, and the rows that differ in more than their times;
with --out FILE.html also a page with pictures. What cannot both be true,
such as a radius beyond a proven counterexample, is named, exit code 3.";

pub const COMPARE: &str = "\
Asks every method that applies, one after the other, each with --time of its
own: a table sorted by upper, with the factor to the best lower end. All are
proven. Memory is the process's peak while the method ran.";

pub const SWEEP: &str = "\
Both ends for radii from A to B (--eps A..B), each with --time of its own.
What is proven at one radius counts at the others: an upper end for all
smaller ones, a lower end for all larger ones.";

pub const INPUTS: &str = "\
one sample per row: .npy, FILE.npz#NAME, .csv, IDX; .gz of these; or
a folder of pictures, one sample each, in the order of their names.
Images are never resized.";

pub const LABELS: &str = "\
one whole number per sample, in the order of the samples; for a folder
also a .csv of lines `name,label`. A sample whose class is not its
label is not looked at further.";

pub const SHARD: &str = "\
a part of the work for one of N machines: `clarke merge` puts the
files together";

pub const TIME_OF_SAMPLES: &str = "\
limit for each sample: 10s, 500ms. 0: linear bounds of many samples at
once, and nothing dearer.";

pub const ORDER: &str = "\
which of the samples that linear bounds leave open get the dearer
steps first: `rows` in the order of the file, `promising` those
nearest to a proof, `worst` those farthest from it";

pub const BOUND: &str = "\
A proven pair of bounds for one region.

The result has two ends. \"L ≤ …\" holds for all x, y in the region; \"L ≥ …\"
has a witness, a point or a pair that is at least so steep. A line with ≈ is
an estimate and no part of the proof.

Status: `exact` both ends agree to 1e-9; `gap` they are as close as --gap
asks; `done` nothing more to do, or --require is decided; `time`, `splits`,
`memory`, `interrupted` what ended the work first.

Free neurons are those whose slope is not fixed on the region. A part is a
piece of the region that branch and bound has bounded (`nodes` in the JSON
counts them and the region itself); a split divides one part into two.";

pub const INPUT: &str = "\
centre of the region: a file and, where it has many rows, #ROW (from
0). .npy, FILE.npz#NAME#ROW, .csv, .png, .jpg, IDX; .gz of these.
Images are never resized.";

pub const CENTER: &str = "\
centre, instead of --input: one number per input, in row-major order";

pub const EPS: &str = "\
radius of the ball ‖x − c‖ ≤ R around the centre; 0 is the point
alone. In the units of --input after --scale and before --mean and
--std: of an image in [0, 1], 8/255 are eight grey levels.";

pub const BOX: &str = "\
the box of a .npy of shape 2×n: a row of lower ends, a row of upper
ends, one number per input in row-major order (an image of 1×28×28 has
n = 784)";

pub const VNNLIB: &str = "\
the box that a VNN-LIB property puts its inputs in; its outputs and an
`or` over inputs are not looked at";

pub const BALL: &str = "\
shape of the ball: inf (a box), 2 (round), 1 (a diamond). Without it
the ball has the shape of the input norm, which is that of the
quotient.";

pub const CLIP: &str = "\
the region is cut to LO ≤ x ≤ HI in every coordinate, and the centre
must lie in it; without --eps, --box or --vnnlib it is the region
itself";

pub const NORM: &str = "\
norm of inputs and of outputs: 1, 2 or inf (l1, l2, linf are the
same). --in-norm and --out-norm overrule one side.";

pub const OUTPUT: &str = "\
all: the whole output vector; I: output I alone (from 0); I-J: output
I less output J, the margin between two classes; margins:I: the
steepest margin of class I over any other; pairs: the steepest of any
two classes. The last two are largest constants of scalar functions:
--out-norm does not count there.";

pub const QUANTITY: &str = "\
lipschitz: the largest quotient of any two points x, y of the region.
anchored: that of any point x and the centre c, y = c. The anchored
constant is at most the Lipschitz constant; what it certifies is how
far f(x) can be from f(c).";

pub const SCALE: &str = "\
8-bit images and uint8 arrays: `unit` divides by 255, `raw` leaves
0..255. eps, clip, boxes, L and radii are in these units.";

pub const MEAN: &str = "\
(x − mean)/std per channel becomes a layer in front of the network;
eps, clip and L stay in the units of x, before it";

pub const INPUT_SHAPE: &str = "\
sizes for dynamic axes of the input, as 1,3,224,224";

pub const METHOD: &str = "\
auto: everything that time and memory allow, cheap methods first, then
branch and bound; the smallest upper and the largest lower bound
count. exact: the same until both ends agree. A NAME of `clarke
methods`: that method alone (`clarke methods NAME` explains it).";

pub const TIME: &str = "\
limit of the work: 60s, 2m, 500ms. 0: every method's single passes,
without descents, climbs or branch and bound.";

pub const GAP: &str = "\
stop at upper ≤ G·lower [1.01; --method exact and --require: 1+1e-9]";

pub const SPLITS: &str = "\
stop after so many splits: one divides a part of the region into two";

pub const DEVICES: &str = "\
Processors and graphics adapters, with a self-test.

With --bench also what they do: products and sums in registers and
copies of memory per second, then kernels and whole passes of networks
of well-known shapes with random weights. `reached` is the part of the
time that no device of these rates could save. Sizes are smaller where
a device is slow; the last column says what was measured. `calls` are
kernels and submissions, `sent` and `read` bytes to the device and
back, of one run. JSON and CSV have everything, also energy where the
system counts it.

  clarke devices
  clarke devices --bench --format csv --out card.csv
  clarke devices --bench --device gpu:0 --time 20s";

pub const DEVICE: &str = "\
auto: a real GPU where the work repays its start, else the CPU; cpu;
gpu: the best one; gpu:N: the one that `clarke devices` numbers so.
Software drivers are used only as gpu:N or with CLARKE_SOFTWARE_GPU=1.";

pub const REQUIRE: &str = "\
a claim about L with <=, <, >= or > and a decimal: the work ends as
soon as it is decided. Exit code 0: proved, 1: refuted, 5: neither.";

pub const EXPECT: &str = "\
a file with the network's output at the centre, as another program
computed it. Every value must agree to 1e-4·(1 + the largest
magnitude) (--expect-tolerance): a check of axis order, --mean and
--std, not of any bound.";

pub const TOLERANCE: &str = "\
by how much outputs may differ from those of --expect: T·(1 + the
largest magnitude) [1e-4]. Outputs that were computed in half
precision need more, such as 1e-2; 0 asks for the same floats.";

pub const CERTIFICATE: &str = "\
write what proves the pair; `clarke check FILE` derives it again";

pub const DUMP: &str = "\
write the problem: the network (up to 256 KiB inside, else its
place and SHA-256), region, quotient and the options of the work;
--problem asks it again";

pub const PROBLEM: &str = "\
ask a problem again that --dump wrote; flags of the work that are
given here count instead of the dumped ones. The same seed with
--threads 1 --device cpu gives the same bytes, times apart";

pub const PLOT: &str = "\
both ends against time: a picture (.svg) or its numbers (.csv)";
