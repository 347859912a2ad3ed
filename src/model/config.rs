//! `config.json`: the shape of a network, its codec and its sampling defaults, as data.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The format this build reads and writes.
pub const FORMAT: &str = "oneflow-web/1";

/// Everything a model is, apart from its weights and its tokenizer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// [`FORMAT`].
    pub format: String,
    /// The network's shape.
    pub network: NetworkConfig,
    /// The picture codec's shape.
    pub codec: CodecConfig,
    /// What a run does where the caller says nothing.
    pub sampling: SamplingConfig,
}

/// The shape of the network. A preset is a value of this type, in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// Width of the trunk.
    pub d_model: usize,
    /// Attention heads; `d_model / n_heads` must be a multiple of 8.
    pub n_heads: usize,
    /// Transformer blocks.
    pub n_layers: usize,
    /// Width of the gated MLP.
    pub d_mlp: usize,
    /// Entries of the tokenizer.
    pub vocab_size: usize,
    /// Whether there is a head for tokens that do not belong.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delete_head: bool,
}

/// The shape of the PCA patch codec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodecConfig {
    /// `"pca-patch"`.
    pub kind: String,
    /// Height and width of a picture in pixels.
    pub image_px: usize,
    /// Height and width of a patch in pixels.
    pub patch_px: usize,
    /// Coefficients kept of a patch.
    pub n_coefs: usize,
}

/// Defaults of a run, tuned for this model's weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplingConfig {
    /// Scheduled steps.
    pub n_steps: usize,
    /// Temperature of the token distribution.
    pub temperature: f32,
    /// Nucleus of the token distribution.
    pub top_p: f32,
    /// A completion round opens a slot where π is below this.
    pub open_threshold: f32,
    /// A scheduled step never opens a slot where π is above this.
    pub close_threshold: f32,
    /// Of the slots that fire in one step, those less sure than this wait; 0 is off.
    pub min_certainty: f32,
    /// Completion rounds delete tokens that do not belong with more than this probability; 1 is off.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub delete_threshold: f32,
    /// Guidance weight of the text; 0 is off.
    pub text_guidance: f32,
    /// Guidance weight of the pictures; 0 is off.
    pub image_guidance: f32,
    /// Tokens of a response at the most.
    pub max_tokens: usize,
    /// Pictures of a response at the most.
    pub max_images: usize,
}

fn one() -> f32 {
    1.0
}

// Serde asks with a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_one(value: &f32) -> bool {
    *value == 1.0
}

impl CodecConfig {
    /// Patches of a picture, which are its trunk tokens.
    pub fn n_patches(&self) -> usize {
        let side = self.image_px / self.patch_px;
        side * side
    }

    /// Values of a picture's latents.
    pub fn latent_len(&self) -> usize {
        self.n_patches() * self.n_coefs
    }

    /// Values of one patch, three to a pixel.
    pub fn patch_len(&self) -> usize {
        3 * self.patch_px * self.patch_px
    }
}

impl ModelConfig {
    /// Reads and checks `config.json`.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] naming the field that is missing, unknown or out of range.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let config: Self = serde_json::from_slice(bytes).map_err(|error| broken(error.to_string()))?;
        config.validate()?;
        Ok(config)
    }

    /// The text of `config.json`.
    pub fn to_json(&self) -> String {
        // A plain struct of numbers and strings always serialises.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Checks every range that the network and the codec rely on.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] naming the field, what was found and what was expected.
    pub fn validate(&self) -> Result<()> {
        if self.format != FORMAT {
            return Err(broken(format!("`format` is \"{}\", expected \"{FORMAT}\"", self.format)));
        }
        let NetworkConfig { d_model, n_heads, n_layers, d_mlp, vocab_size, .. } = self.network;
        let within = |name: &str, found: usize, low: usize, high: usize| {
            if (low..=high).contains(&found) {
                return Ok(());
            }
            Err(broken(format!("`{name}` is {found}, expected {low} to {high}")))
        };
        within("network.d_model", d_model, 8, 1 << 16)?;
        within("network.n_heads", n_heads, 1, 1024)?;
        within("network.n_layers", n_layers, 1, 1024)?;
        within("network.d_mlp", d_mlp, 8, 1 << 18)?;
        within("network.vocab_size", vocab_size, 259, 1 << 20)?;
        if d_model % n_heads != 0 || (d_model / n_heads) % 8 != 0 {
            return Err(broken(format!(
                "`network.d_model` / `network.n_heads` is {d_model} / {n_heads}, expected a whole multiple of 8"
            )));
        }
        let codec = &self.codec;
        if codec.kind != "pca-patch" {
            return Err(broken(format!("`codec.kind` is \"{}\", expected \"pca-patch\"", codec.kind)));
        }
        within("codec.image_px", codec.image_px, 8, 1024)?;
        within("codec.patch_px", codec.patch_px, 1, codec.image_px)?;
        if !codec.image_px.is_multiple_of(codec.patch_px) {
            return Err(broken(format!(
                "`codec.patch_px` is {}, expected a divisor of `codec.image_px` ({})",
                codec.patch_px, codec.image_px
            )));
        }
        within("codec.n_coefs", codec.n_coefs, 1, codec.patch_len())
    }
}

fn broken(reason: String) -> Error {
    Error::Model { file: "config.json".into(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::made_up::tiny;

    #[test]
    fn a_config_survives_json() {
        let config = tiny();
        assert_eq!(ModelConfig::from_json(config.to_json().as_bytes()).unwrap(), config);
    }

    #[test]
    fn a_bad_field_is_named() {
        let mut config = tiny();
        config.network.n_heads = 3;
        let text = config.validate().unwrap_err().to_string();
        assert!(text.contains("network.n_heads"), "{text}");
        let text = ModelConfig::from_json(b"{\"format\": 1}").unwrap_err().to_string();
        assert!(text.contains("config.json"), "{text}");
    }
}
