//! What makes each model small enough to train in a blink. A model that is not here fails every walk over the registry.

use std::collections::BTreeMap;
use std::sync::Arc;

use calotype_models::attributes::{Attribute, Attributes};
use calotype_models::{DataShape, Model, Preset, find};

/// Settings, as `--set` takes them.
///
/// # Panics
/// A model that nobody has made small yet.
pub fn tiny(model: &str) -> &'static [(&'static str, &'static str)] {
    match model {
        "aae" => &[("hidden", "6"), ("latents", "3"), ("labels", "20")],
        "independent" | "markov" => &[],
        "context" => &[("neighbours", "4"), ("shared", "true")],
        "gan" => &[("hidden", "8"), ("layers", "1"), ("latents", "3"), ("schedule", "constant")],
        // One block, and a history that overflows in the second step of three rows.
        "cyclegan" => &[("size", "24"), ("width", "2"), ("width_d", "2"), ("blocks", "1"), ("pool", "4")],
        "dcgan" => &[("size", "32"), ("width", "2"), ("latents", "4")],
        "infogan" => &[
            ("size", "8"),
            ("width", "2"),
            ("hidden", "6"),
            ("hidden_q", "5"),
            ("latents", "3"),
            ("categories", "4"),
            ("ema", "0.9"),
        ],
        "nade" => &[("hidden", "9"), ("order", "random:3")],
        // Three levels, whose phases are of two steps of 16 images, or three of 8. PixelNorm of a single map would be its sign.
        "progan" => &[
            ("size", "16"),
            ("fmap_base", "16"),
            ("fmap_max", "4"),
            ("latents", "3"),
            ("fade_images", "24"),
            ("stable_images", "24"),
            ("last_images", "24"),
        ],
        // Two levels, and patches of 4 to 8 pixels a side.
        "puzzle-gan" => &[("size", "16"), ("width", "2"), ("embedding", "3"), ("latents", "3")],
        "stargan" => &[("size", "32"), ("width", "2"), ("width_d", "2"), ("blocks", "1"), ("n_critic", "2")],
        // Two steps of the encoder, of three.
        "text2image" => &[
            ("size", "32"),
            ("width", "2"),
            ("width_d", "2"),
            ("latents", "3"),
            ("text_width", "4"),
            ("text_length", "48"),
            ("embedding", "5"),
            ("projection", "3"),
            ("encoder_steps", "2"),
            ("ema", "0.9"),
        ],
        "rnade" => &[("hidden", "9"), ("components", "2")],
        "pixelcnn" => &[("width", "4"), ("blocks", "2"), ("dropout", "0")],
        "row-lstm" | "diagonal-bilstm" => &[("width", "4"), ("layers", "2")],
        "vae" => &[("hidden", "6"), ("latents", "2")],
        "toy" => &[("hidden", "6"), ("latents", "2")],
        other => panic!("`{other}` has no tiny settings: add a line to tests/support/tiny.rs"),
    }
}

/// A model made small, for data of this shape: images [H, W, C] of so many levels, or six numbers where it takes no images.
///
/// # Panics
/// A model that there is not, or that nobody has made small yet.
pub fn small(name: &str, shape: [usize; 3], levels: u32) -> Arc<dyn Model> {
    let set: BTreeMap<String, String> = tiny(name).iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let tones = ["light", "dark"].map(str::to_owned);
    let attributes = Attributes(vec![Attribute::choice("tone", &tones), Attribute::flag("Male")]);
    let images = DataShape { shape: shape.to_vec(), levels: Some(levels), n_train: 40, n_classes: 3, attributes };
    let vectors = DataShape { shape: vec![6], levels: None, n_train: 40, ..DataShape::default() };
    let data = if name == "rnade" { vectors } else { images };
    find(name).expect(name).build(Preset::SMALL, &set, &data).unwrap_or_else(|e| panic!("{name}: {e}"))
}
