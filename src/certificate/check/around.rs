//! What distances from the centre say of the whole region's nodes, again: a sweep of one point, norms of layers
//! by their rows and columns, and backward passes under the slopes at the centre.

use super::Checked;
use super::room::Room;
use crate::backend::cpu::Cpu;
use crate::layer::LinearMap;
use crate::region::Region;
use crate::rules::fused::Kept;
use crate::rules::linear::Regions;
use crate::rules::nominal::Nominal;
use crate::rules::reach::{Layers, Reach, rough};
use crate::sweep::{Bounds, Cones, Ends, Layouts, Maps, Prepared};

pub struct Around<'c, 'n> {
    prepared: &'c Prepared<'n, Cpu>,
    reach: Reach<'c, 'n, Cpu>,
    nominal: Nominal<'c, 'n, Cpu>,
    layouts: Layouts,
    room: &'c Room<'c>,
}

impl<'c, 'n> Around<'c, 'n> {
    /// None where the region has no centre.
    pub fn new(
        prepared: &'c Prepared<'n, Cpu>,
        squares: &'c Maps<Cpu>,
        region: &'c Region,
        input: &Ends,
        room: &'c Room<'c>,
    ) -> Checked<Option<Self>> {
        room.in_time()?;
        let norm: &(dyn Fn(&LinearMap) -> f64 + Sync) = &rough;
        let Some(reach) = Reach::new(prepared, Layers { squares, norm }, Regions::One(region), input) else {
            return Ok(None);
        };
        let nominal = Nominal::new(prepared, region, input, reach.radius(0)[0]);
        Ok(nominal.map(|nominal| {
            let layouts = Layouts::new(prepared.net);
            Around { prepared, reach, nominal, layouts, room }
        }))
    }

    /// The value at the centre of a node that was passed.
    pub fn at(&self, k: usize) -> &Ends {
        self.reach.at(k)
    }

    /// Passes node k; `ends` are those of all nodes before.
    pub fn step(&mut self, k: usize, ends: &Bounds, own: &mut Ends) {
        self.reach.step(k, ends, own);
        let node = &self.prepared.net.nodes[k];
        if node.op.is_nonlinear() {
            let read = node.inputs[0];
            let given = (ends.of(read), self.reach.at(read));
            self.nominal.pass(k, given, self.reach.radius(read)[0], &|_| true);
        }
    }

    /// Narrower ends of open features of node k.
    pub fn narrow(&mut self, k: usize, open: &[usize], own: &mut Ends) -> Checked<()> {
        let cones = Cones::new(self.prepared.net, &self.layouts, k);
        let mut kept = Kept::new(self.prepared.net, k);
        let Some(groups) = self.nominal.groups(k, &cones, open) else { return Ok(()) };
        for part in groups.chunks(self.room.adjoints()?) {
            self.room.in_time()?;
            let all = self.nominal.bound((k, &cones), part, self.reach.at(k), &mut |j, [lo, hi], row| {
                let (l, h) = (own.lo[[0, j]].max(lo), own.hi[[0, j]].min(hi));
                if l <= h {
                    (own.lo[[0, j]], own.hi[[0, j]]) = (l, h);
                }
                kept.take((j, own.lo[[0, j]], own.hi[[0, j]]), row);
            });
            if all.is_none() {
                return Ok(());
            }
        }
        self.nominal.expect(k, &kept);
        self.reach.settle(k, own);
        Ok(())
    }

    /// Node k once more is known of it.
    pub fn settle(&mut self, k: usize, own: &Ends) {
        self.reach.settle(k, own);
    }
}
