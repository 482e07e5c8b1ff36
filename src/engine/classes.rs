//! Classes on regions: how far they lead, and where they do not.

use super::home::Home;
use super::opened::Engine;
use super::{Options, Placed, Wanted, inside};
use crate::analysis::Budget;
use crate::error::{Kind, Result};
use crate::method::margin::linear::Led;
use crate::method::margin::refute::Counterexample;
use crate::method::margin::statement::Statement;
use crate::region::Region;
use crate::report::WarningInfo;
use crate::search::property::Decided;

impl Placed {
    /// How far each region's class leads there, by linear bounds of all regions in one sweep: balls of one
    /// norm with a radius above 0. None where there was no time for it.
    #[doc(hidden)]
    pub fn leads(&self, regions: &[&Region], classes: &[usize], budget: &Budget) -> Result<Option<Vec<Led>>> {
        for region in regions {
            region.fits(self.0.net.inputs())?;
        }
        inside(|| self.somewhere(|home| home.leads(regions, classes, budget)))
    }

    /// Estimates of the radii at which another class leads.
    #[doc(hidden)]
    pub fn linear_radii(&self, regions: &[&Region], classes: &[usize], budget: &Budget) -> Vec<Option<f64>> {
        inside(|| self.home().linear_radii(regions, classes, budget))
    }

    /// A member of the region at which another class leads, if a search finds one.
    #[doc(hidden)]
    pub fn refute(
        &self,
        region: &Region,
        class: usize,
        options: &Options,
        budget: &Budget,
    ) -> Option<Counterexample> {
        inside(|| self.home().refute(region, class, options.seed, budget))
    }

    /// The same at a member, or nearer on the way to the centre.
    #[doc(hidden)]
    pub fn refuted_at(
        &self,
        region: &Region,
        class: usize,
        x: Vec<f64>,
        budget: &Budget,
    ) -> Option<Counterexample> {
        inside(|| self.home().refuted_at(region, class, x, budget))
    }

    /// Can outputs on the region meet the statement?
    #[doc(hidden)]
    pub fn decide(
        &self,
        region: &Region,
        statement: &Statement,
        options: &Options,
        budget: &Budget,
    ) -> Result<Decided> {
        region.fits(self.0.net.inputs())?;
        inside(|| self.somewhere(|home| home.decide(region, statement, options.seed, budget)))
    }

    /// Samples that are best looked at together: a device takes many at the price of one, and a core's cache few.
    #[doc(hidden)]
    pub fn at_once(&self) -> usize {
        if self.home().is_cpu() { 64 } else { 512 }
    }

    /// What a device gives; in `auto` what the CPU gives where that fails.
    fn somewhere<T>(&self, work: impl Fn(&Home) -> Result<T>) -> Result<T> {
        match work(&self.home()) {
            Err(e) if e.kind == Kind::Device && self.0.device.wanted == Wanted::Auto => {
                self.move_to(Engine::Cpu);
                work(&self.home())
            }
            other => other,
        }
    }

    /// What is taken for granted about its device.
    #[doc(hidden)]
    pub fn assumptions(&self) -> Vec<String> {
        self.home().assumptions()
    }

    /// What is to be known of its device.
    #[doc(hidden)]
    pub fn warnings(&self) -> &[WarningInfo] {
        &self.0.warnings
    }
}
