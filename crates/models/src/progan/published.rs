//! Both networks under the names of the public PyTorch code that reads the paper's own weights (github.com/genforce/genforce, and
//! github.com/genforce/sefa, which has the discriminator): layers are counted, G's from 4x4 on and D's from the image on.

use calotype_graph::HostTensor;

use super::networks::{Networks, name};
use super::{BLEND, DISCRIMINATOR, GENERATOR};
use crate::modules::{Form, Module};

/// A layer here, its number there by what it is there, and the form of its weight.
type Layer = (String, String, Form);

/// G and D of these sizes.
pub(super) fn modules(networks: &Networks) -> Vec<Module> {
    let [generator, discriminator] = [GENERATOR, DISCRIMINATOR].map(|scope| Module { scope, renamed: vec![] });
    vec![generator.renamed(states(of_generator(networks))), discriminator.renamed(states(of_discriminator(networks)))]
}

fn of_generator(networks: &Networks) -> Vec<Layer> {
    let level = |n: usize| {
        let (below, form) = if n == 0 { (["dense", "conv"], Form::Turned) } else { (["conv0", "conv1"], Form::Same) };
        let of = |layer: &str| format!("{}.{layer}", name(n));
        [
            (of(below[0]), format!("layer{}", 2 * n), form),
            (of(below[1]), format!("layer{}", 2 * n + 1), Form::Same),
            (of("rgb"), format!("output{n}"), Form::Same),
        ]
    };
    (0..networks.maps.len()).flat_map(level).collect()
}

fn of_discriminator(networks: &Networks) -> Vec<Layer> {
    let n_levels = networks.maps.len();
    let dense = Form::Shape(vec![networks.maps[0], 16 * networks.maps[0]]);
    let level = |n: usize| {
        let from_image = n_levels - 1 - n;
        let (below, form) = if n == 0 { (["conv", "dense"], dense.clone()) } else { (["conv0", "conv1"], Form::Same) };
        let of = |layer: &str| format!("{}.{layer}", name(n));
        [
            (of("rgb"), format!("input{from_image}"), Form::Same),
            (of(below[0]), format!("layer{}", 2 * from_image), Form::Same),
            (of(below[1]), format!("layer{}", 2 * from_image + 1), form),
        ]
    };
    let out = (format!("{}.out", name(0)), format!("layer{}", 2 * n_levels), Form::Same);
    (0..n_levels).flat_map(level).chain([out]).collect()
}

/// Weights and biases of layers, and what says which level is shown.
fn states(layers: Vec<Layer>) -> impl Iterator<Item = (String, String, Form)> {
    let both = |(here, there, form): Layer| {
        [
            (format!("{here}.weight"), format!("{there}.weight"), form),
            (format!("{here}.bias"), format!("{there}.bias"), Form::Same),
        ]
    };
    layers.into_iter().flat_map(both).chain([(BLEND.to_owned(), "lod".to_owned(), Form::Made(lod))])
}

/// How many levels the one that is shown is below the last: between two numbers while one is faded in.
fn lod(blend: &HostTensor) -> HostTensor {
    let shares = blend.as_f32().unwrap_or_default().iter().rev();
    HostTensor::scalar(shares.enumerate().map(|(below, share)| below as f32 * share).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_detail_is_counted_from_the_last_level() {
        let of = |shares: &[f32]| lod(&HostTensor::f32([shares.len()], shares)).item();
        assert_eq!([of(&[1.0, 0.0, 0.0]), of(&[0.0, 0.75, 0.25]), of(&[0.0, 0.0, 1.0])], [Some(2.0), Some(0.75), Some(0.0)]);
    }
}
