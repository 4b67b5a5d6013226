//! What was seen of an array's values as a run began holds for all files of the run.

use std::path::Path;

use calotype_data::{Range, write_npy, write_npy_f64};
use calotype_training::{DeviceConfig, Examined, Material, Result, RunConfig, Which};

use crate::common::{cpu, wanted};

/// A run on a file, as it is configured.
fn begun(data: &str, set: &[(&str, &str)]) -> Result<(Material, RunConfig)> {
    let mut wanted = wanted(set);
    wanted.data = Some(data.to_owned());
    let material = Material::open(&wanted)?;
    material.rows_to_learn()?;
    let config = material.config(DeviceConfig::of(cpu().profile()));
    assert!(Material::of_run(&config).is_ok(), "its own data are opened again as they were: {:?}", config.data.options);
    Ok((material, config))
}

/// The first value of the first row of another file, as the run's model gets it.
fn first_of(config: &RunConfig, material: &Material, data: &Path) -> Result<f32> {
    let which = Which { data: Some(data.display().to_string()), ..Which::default() };
    Ok(Examined::open(config, material.model.as_ref(), &which)?.row(0)?[0])
}

#[test]
fn a_second_file_is_mapped_as_the_first_was() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, first: f32, rest: f32| {
        let path = dir.path().join(name);
        let mut values = vec![rest; 16 * 64];
        values[..64].fill(first);
        write_npy(&path, &[16, 8, 8], &values).expect("it is written");
        path
    };
    // -1..1 was seen; a file of 0..1 only is half of that, not all of it.
    let signed = write("signed.npy", -1.0, 1.0);
    let (material, config) = begun(signed.to_str().expect("a path"), &[]).expect("a run");
    assert_eq!(config.data.options.range, Some(Range::Between(-1.0, 1.0)));
    assert_eq!(first_of(&config, &material, &write("half.npy", 0.0, 1.0)).expect("rows"), 0.0);
    // Of 0..255 with parts; the second file is dark.
    let bytes = write("bytes.npy", 255.0, 127.5);
    let (material, config) = begun(bytes.to_str().expect("a path"), &[]).expect("a run");
    assert_eq!(config.data.options.range, Some(Range::Between(0.0, 255.0)));
    let dark = first_of(&config, &material, &write("dark.npy", 1.0, 0.5)).expect("rows");
    assert!((dark - (2.0 / 255.0 - 1.0)).abs() < 1e-6, "{dark}");
    let error = first_of(&config, &material, &write("bright.npy", 300.0, 0.5)).expect_err("outside").to_string();
    assert!(error.contains("range=0..300") && error.contains("64 of 1024"), "{error}");
}

/// Off-scale images are refused with a setting that makes them right.
#[test]
fn the_remedy_of_off_scale_images_works() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("ct.npy");
    let values: Vec<f64> = (0..16 * 64).map(|i| f64::from(i % 101) * 40.5 - 1024.0).collect();
    write_npy_f64(&path, &[16, 8, 8], &values).expect("it is written");
    let data = path.to_str().expect("a path");
    let error = begun(data, &[]).err().expect("it is off scale").to_string();
    let remedy = error.split("--set range=").nth(1).expect("a remedy").trim().to_owned();
    let (_, config) = begun(data, &[("range", &remedy)]).expect("as it says");
    assert_eq!(config.data.options.range, Some(Range::Between(-1024.0, 3026.0)), "{error}");
}

/// Classes in another file are those of the run's own rows: other data have none.
#[test]
fn a_label_is_of_the_own_rows_only() {
    let dir = tempfile::tempdir().expect("a folder");
    let rows = |name: &str, n: usize| {
        let path = dir.path().join(name);
        write_npy(&path, &[n, 8, 8], &(0..n * 64).map(|i| (i % 7) as f32 / 6.0).collect::<Vec<_>>()).expect("it is written");
        path
    };
    let own = rows("own.npy", 16);
    write_npy(&dir.path().join("classes.npy"), &[16], &(0..16).map(|i| (i % 2) as f32).collect::<Vec<_>>())
        .expect("it is written");
    let (material, config) = begun(own.to_str().expect("a path"), &[("label", "classes.npy")]).expect("a run");
    assert_eq!(config.data.n_classes, 2);
    assert!(first_of(&config, &material, &rows("other.npy", 3)).is_ok(), "its 3 rows have no classes");
}
