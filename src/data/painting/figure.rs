//! An actor in its place: what carries it, how it lies, and which way round it is drawn.

use super::habits;
use super::layout::Spot;
use super::scene::{Actor, Facing, Pose};
use super::stamp::Kit;
use crate::data::atlas::{Body, Look};
use crate::data::world::places::Place;

/// How high one who jumps is, pixels.
const JUMP: f32 = 8.0;
/// How high one who flies is.
const HOVER: f32 = 4.0;
/// The same above the sea.
const HOVER_SEA: f32 = 8.0;
/// How much of a swimmer's height is under water.
const SUNK: f32 = 0.22;
/// How much of an animal's height is hidden when it lies on its belly.
const FOLDED: f32 = 0.3;

/// An actor in its place.
pub(super) struct Figure<'a> {
    pub(super) actor: &'a Actor,
    pub(super) spot: Spot,
    pub(super) stance: Stance,
    pub(super) body: Body,
    pub(super) mirrored: bool,
    pub(super) lying: Lying,
    /// Middle and size of the drawing, pixels.
    pub(super) middle: (f32, f32),
    pub(super) width: f32,
    pub(super) height: f32,
}

/// How an actor sleeps. An animal that is drawn from its side would stand on its nose if it were
/// turned, so it lies on its belly, its legs folded under it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Lying {
    Awake,
    Turned,
    OnBelly,
}

/// What carries an actor.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Stance {
    Ground,
    Air,
    Boat,
    Water,
}

impl<'a> Figure<'a> {
    pub(super) fn new(kit: &Kit, place: Place, actor: &'a Actor, spot: Spot) -> Self {
        let body = kit.body(actor.sprite);
        let mirrored = match body.facing {
            Look::Left => actor.facing == Facing::Right,
            Look::Right | Look::Front => actor.facing == Facing::Left,
        };
        let is_asleep = actor.pose == Pose::Asleep;
        let lying = match () {
            () if !is_asleep => Lying::Awake,
            () if body.facing == Look::Left && !habits::is_upright(actor.sprite) => Lying::OnBelly,
            () => Lying::Turned,
        };
        let is_at_sea = place == Place::Sea;
        let stance = match () {
            () if is_at_sea && habits::swims(actor.sprite) => Stance::Water,
            () if is_at_sea && habits::flies(actor.sprite) && !is_asleep => Stance::Air,
            () if is_at_sea => Stance::Boat,
            () if habits::hovers(actor.sprite) && !is_asleep => Stance::Air,
            () => Stance::Ground,
        };
        let stamp = kit.stamp(actor.sprite, spot.size, lying == Lying::Turned, None);
        let (width, height) = (stamp.figure_width, stamp.figure_height);
        let lift = match stance {
            Stance::Ground => 0.0,
            Stance::Air if is_at_sea => HOVER_SEA,
            Stance::Air => HOVER,
            Stance::Boat => 1.5,
            Stance::Water => -SUNK * height,
        };
        let lift = match actor.pose {
            Pose::Stand => lift,
            Pose::Asleep if lying == Lying::OnBelly => lift - FOLDED * height,
            Pose::Asleep => lift - 1.0,
            Pose::Jump => lift + JUMP,
        };
        // Nobody's head leaves the picture.
        let y = (spot.y - lift - height / 2.0).max(height / 2.0 + 1.0);
        Figure { actor, spot, stance, body, mirrored, lying, middle: (spot.x, y), width, height }
    }

    /// A point of the drawing, from fractions of the bounds as the sprite stands upright.
    pub(super) fn point(&self, [fx, fy]: [f32; 2]) -> (f32, f32) {
        let (fx, fy) = if self.lying == Lying::Turned { (fy, 1.0 - fx) } else { (fx, fy) };
        let side = if self.mirrored { 0.5 - fx } else { fx - 0.5 };
        (self.middle.0 + side * self.width, self.middle.1 + (fy - 0.5) * self.height)
    }
}
