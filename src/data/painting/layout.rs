//! Where everything stands: five slots from left to right, of which the actors take those that
//! their number gives them and things the free ones.

use super::habits;
use super::scene::{Dial, Facing, Scene};
use super::stamp::Size;
use crate::data::world::places::Place;
use crate::flow::rng::Rng;

/// Middles of the slots, pixels from the left.
const SLOTS: [f32; 5] = [14.0, 22.5, 32.0, 42.0, 50.0];
/// Where feet stand, pixels from the top.
pub(super) const GROUND: f32 = 58.0;
/// Where the middle one of three stands, a step behind the others.
const STEP_BACK: f32 = 55.0;
/// Where things lie, before the actors and behind them.
const FRONT: f32 = 61.5;
const BEHIND: f32 = 52.0;
/// Where a building stands, and the lower edge of what flies.
const BACKDROP: f32 = 47.0;
const BACKDROP_SEA: f32 = 46.0;
const BACKDROP_AIR: f32 = 27.0;
/// Jitter from `L3` on: 6 % of the picture to either side, half of it up and down.
const JITTER: f32 = 0.06 * 64.0;

/// A place in the picture: the middle of the feet, and a size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spot {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) size: Size,
}

/// A spot for everything that stands, in the order of the scene.
pub(super) struct Layout {
    pub(super) actors: Vec<Spot>,
    pub(super) ground: Vec<Spot>,
    pub(super) backdrop: Option<Spot>,
}

impl Layout {
    /// From [`Dial::L3`] on draws two uniform numbers, sideways and up or down, for each actor, then for
    /// each thing on the ground, then for the backdrop; below it draws nothing.
    pub(super) fn new(scene: &Scene, dial: Dial, rng: &mut Rng) -> Layout {
        let n = scene.actors.len();
        let is_alone = n == 1 && (!scene.ground.is_empty() || scene.backdrop.is_some());
        let faces_left = scene.actors.first().is_some_and(|actor| actor.facing == Facing::Left);
        // One who shares the picture with things stands aside and looks at them.
        let mirrored = is_alone && faces_left;
        let at = |x: f32| if mirrored { 64.0 - x } else { x };
        let columns: &[f32] = match n {
            1 if is_alone => &[SLOTS[1]],
            1 => &[SLOTS[2]],
            2 => &[SLOTS[0], SLOTS[4]],
            _ => &[SLOTS[0], SLOTS[2], SLOTS[4]],
        };
        let actors = scene.actors.iter().zip(columns).enumerate().map(|(i, (actor, &x))| Spot {
            x: at(x),
            y: if n == 3 && i == 1 { STEP_BACK } else { GROUND },
            size: actor_size(actor.sprite, n, dial),
        });
        let things = match n {
            0 => [(SLOTS[1], FRONT), (SLOTS[3], FRONT)],
            1 => [(SLOTS[3] + 1.0, FRONT), (SLOTS[4] + 5.0, GROUND - 1.0)],
            2 => [(SLOTS[2], FRONT), (SLOTS[2], BEHIND)],
            _ => [(SLOTS[1], FRONT + 1.0), (SLOTS[3], FRONT + 1.0)],
        };
        let size = if n == 3 || scene.ground.len() == 2 { Size::SmallThing } else { Size::Thing };
        let ground = scene.ground.iter().zip(things).map(|(_, (x, y))| Spot { x: at(x), y, size });
        let backdrop = scene.backdrop.map(|sprite| {
            let is_at_sea = scene.place == Place::Sea;
            let y = match () {
                () if habits::is_airborne(sprite) => BACKDROP_AIR,
                () if is_at_sea => BACKDROP_SEA,
                () => BACKDROP,
            };
            let x = match n {
                1 => at(SLOTS[3] + 3.0),
                3 => SLOTS[1],
                _ => SLOTS[2],
            };
            Spot { x, y, size: if dial == Dial::L1 { Size::Middle } else { habits::backdrop_size(sprite) } }
        });
        let mut layout = Layout { actors: actors.collect(), ground: ground.collect(), backdrop };
        if dial >= Dial::L3 {
            let Layout { actors, ground, backdrop } = &mut layout;
            for spot in actors.iter_mut().chain(ground).chain(backdrop) {
                spot.x += (2.0 * rng.uniform() - 1.0) * JITTER;
                spot.y += (rng.uniform() - 0.5) * JITTER;
            }
        }
        layout
    }
}

/// One who is alone is drawn a step larger, one of three a step smaller.
fn actor_size(sprite: &str, n_actors: usize, dial: Dial) -> Size {
    if dial == Dial::L1 {
        return if n_actors == 3 { Size::Small } else { Size::Medium };
    }
    let scale = habits::scale(sprite);
    match n_actors {
        1 => [Size::Medium, Size::Large, Size::Large][scale],
        2 => [Size::Small, Size::Medium, Size::Large][scale],
        _ => [Size::Small, Size::Small, Size::Medium][scale],
    }
}
