//! What an event does to the world, as `plots.txt` writes it.

use super::places::Sky;
use super::plot::{Role, Token};
use crate::data::painting::{Mood, Pose, Spark};

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The character comes into the picture.
    Enter(Role),
    /// The character goes out of the picture.
    Leave(Role),
    /// The character has the thing from now on.
    Give(Token, Role),
    /// The thing lies or stands beside the characters.
    Ground(Token),
    /// The thing is out of the picture.
    Hide(Token),
    /// The thing stands behind the characters.
    Show(Token),
    /// What the character feels.
    Mood(Role, Option<Mood>),
    /// How the character is there.
    Pose(Role, Pose),
    /// The sky changes.
    Sky(Sky),
    /// On to the second place.
    Go,
    /// Back to the first place.
    Back,
    /// In the sky of this one picture.
    Spark(Spark),
}

impl Effect {
    /// Reads one effect.
    ///
    /// # Errors
    ///
    /// What is wrong, in words.
    pub(super) fn parse(text: &str) -> Result<Effect, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        Ok(match words[..] {
            ["enter", who] => Effect::Enter(role(who)?),
            ["leave", who] => Effect::Leave(role(who)?),
            ["give", what, who] => Effect::Give(token(what)?, role(who)?),
            ["ground", what] => Effect::Ground(token(what)?),
            ["hide", what] => Effect::Hide(token(what)?),
            ["show", what] => Effect::Show(token(what)?),
            ["mood", who, mood] => Effect::Mood(role(who)?, mood_named(mood)?),
            ["pose", who, pose] => Effect::Pose(role(who)?, pose_named(pose)?),
            ["sky", sky] => Effect::Sky(Sky::from_name(sky).ok_or_else(|| format!("no sky is called {sky}"))?),
            ["go"] => Effect::Go,
            ["back"] => Effect::Back,
            ["spark", spark] => Effect::Spark(spark_named(spark)?),
            _ => return Err(format!("{text:?} is no effect")),
        })
    }

    /// The character it is about.
    pub(super) fn role(self) -> Option<Role> {
        match self {
            Effect::Enter(role) | Effect::Leave(role) | Effect::Give(_, role) => Some(role),
            Effect::Mood(role, _) | Effect::Pose(role, _) => Some(role),
            _ => None,
        }
    }

    /// The thing it is about.
    pub(super) fn token(self) -> Option<Token> {
        match self {
            Effect::Give(token, _) | Effect::Ground(token) | Effect::Hide(token) | Effect::Show(token) => Some(token),
            _ => None,
        }
    }
}

fn role(name: &str) -> Result<Role, String> {
    Role::from_name(name).ok_or_else(|| format!("no role is called {name}"))
}

fn token(name: &str) -> Result<Token, String> {
    Token::from_name(name).ok_or_else(|| format!("no thing is called {name}"))
}

fn mood_named(name: &str) -> Result<Option<Mood>, String> {
    Ok(Some(match name {
        "none" => return Ok(None),
        "happy" => Mood::Happy,
        "sad" => Mood::Sad,
        "scared" => Mood::Scared,
        "love" => Mood::Love,
        "sleepy" => Mood::Sleepy,
        "music" => Mood::Music,
        "magic" => Mood::Magic,
        "angry" => Mood::Angry,
        _ => return Err(format!("no mood is called {name}")),
    }))
}

fn pose_named(name: &str) -> Result<Pose, String> {
    match name {
        "stand" => Ok(Pose::Stand),
        "asleep" => Ok(Pose::Asleep),
        "jump" => Ok(Pose::Jump),
        _ => Err(format!("no pose is called {name}")),
    }
}

fn spark_named(name: &str) -> Result<Spark, String> {
    match name {
        "rainbow" => Ok(Spark::Rainbow),
        "shooting-star" => Ok(Spark::ShootingStar),
        "fireworks" => Ok(Spark::Fireworks),
        _ => Err(format!("nothing in the sky is called {name}")),
    }
}
