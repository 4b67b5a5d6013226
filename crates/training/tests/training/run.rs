//! Whole runs: resume to the bit, damage, interrupts, what lies in the folder.

use std::fs;

use crate::common::{Run, bytes, cpu, losses, same, trained, wanted};
use calotype_training::{Choice, Ending, Interrupt, TrainingError, choose, restore_newest};

/// N steps equal N/2 and N/2 more, byte for byte, whatever the periods in between.
#[test]
fn half_and_half_is_the_whole() {
    let dir = tempfile::tempdir().expect("a folder");
    let whole = trained(&dir.path().join("whole"), &[("steps", "8")]);
    let parts = trained(&dir.path().join("parts"), &[("steps", "4"), ("sample_every", "3"), ("log_every", "2")]);
    same(&bytes(&whole, 4), &bytes(&parts, 4));
    let outcome = Run::again(&parts, 8).train(&Interrupt::default()).expect("it goes on");
    assert_eq!((outcome.ending, outcome.step), (Ending::Finished, 8));
    same(&bytes(&whole, 8), &bytes(&parts, 8));
    assert!(bytes(&whole, 4) != bytes(&whole, 8), "training changes the state");
}

#[test]
fn another_seed_is_another_run() {
    let dir = tempfile::tempdir().expect("a folder");
    let a = trained(&dir.path().join("a"), &[("steps", "1")]);
    let mut other = wanted(&[("steps", "1")]);
    other.seed = 4;
    let path = dir.path().join("b");
    Run::fresh(&path, &other, cpu()).train(&Interrupt::default()).expect("it trains");
    assert!(bytes(&a, 1) != bytes(&path, 1));
}

#[test]
fn the_folder_holds_what_it_should() {
    let dir = tempfile::tempdir().expect("a folder");
    let set = [("steps", "10"), ("checkpoint_every", "2"), ("keep_checkpoints", "2"), ("sample_every", "5"), ("log_every", "3")];
    let run = trained(&dir.path().join("run"), &set);
    let names = |sub: &str| {
        let entries = fs::read_dir(run.join(sub)).expect("a folder");
        let mut names: Vec<String> = entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names("."), ["checkpoints", "lock", "metrics.jsonl", "report.html", "run.toml", "samples"]);
    assert_eq!(names("checkpoints"), ["step-0000008.safetensors", "step-0000010.safetensors"]);
    assert_eq!(names("samples"), ["latent.gif", "samples.gif", "step-0000005.png", "step-0000010.png"]);
    let lines = losses(&run);
    assert_eq!(lines.iter().map(|l| l.step).collect::<Vec<_>>(), [3, 6, 9, 10]);
    assert!(lines.iter().all(|l| l.losses.iter().all(|(_, v)| v.is_some_and(f32::is_finite)) && l.losses.len() == 2));
    assert!(lines.is_sorted_by(|a, b| a.wall_s <= b.wall_s));
    let report = fs::read_to_string(run.join("report.html")).expect("a report");
    assert!(report.contains("loss_d") && report.matches("data:image").count() == 3, "two grids and a film");
    assert!(!report.contains("http-equiv") && !report.contains("src=\"http"), "the page is self-contained");
}

#[test]
fn an_interrupt_saves_and_going_on_equals_never_stopping() {
    let dir = tempfile::tempdir().expect("a folder");
    let whole = trained(&dir.path().join("whole"), &[("steps", "3")]);
    let path = dir.path().join("stopped");
    let interrupt = Interrupt::default();
    interrupt.ask();
    let outcome = Run::fresh(&path, &wanted(&[("steps", "3")]), cpu()).train(&interrupt).expect("it stops in order");
    assert_eq!((outcome.ending, outcome.step), (Ending::Interrupted, 0));
    assert!(outcome.checkpoint.is_file());
    Run::again(&path, 3).train(&Interrupt::default()).expect("it goes on");
    same(&bytes(&whole, 3), &bytes(&path, 3));
}

#[test]
fn a_damaged_newest_checkpoint_is_named_and_the_one_before_is_used() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = trained(&dir.path().join("run"), &[("steps", "8")]);
    let good = bytes(&run, 8);
    let newest = run.join("checkpoints/step-0000008.safetensors");
    let again = Run::again(&run, 8);
    let identity = again.config.identity();
    for damaged in [&good[..good.len() / 2], &good[..0], &[&good[..good.len() - 1], &[good[good.len() - 1] ^ 1]].concat()] {
        fs::write(&newest, damaged).expect("it is written");
        let restored = restore_newest(&again.folder, &identity).expect("one is good").expect("there are some");
        assert_eq!((restored.checkpoint.step, restored.damaged.len()), (4, 1));
        assert_eq!(restored.damaged[0].0, newest);
        let e = choose(&again.folder, &identity, Choice::Step(8)).expect_err("it is damaged");
        assert!(matches!(e, TrainingError::Damaged { .. }), "{e}");
    }
    drop(again);
    Run::again(&run, 8).train(&Interrupt::default()).expect("it goes on from step 4");
    same(&bytes(&run, 8), &good);
    assert!(run.join("checkpoints/step-0000008.damaged").is_file(), "it was set aside, not removed");
}

#[test]
fn with_none_good_it_is_an_error_that_names_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = trained(&dir.path().join("run"), &[("steps", "4")]);
    fs::write(run.join("checkpoints/step-0000004.safetensors"), b"nothing").expect("it is written");
    let e = Run::again(&run, 8).train(&Interrupt::default()).expect_err("none is good").to_string();
    assert!(e.contains("no good checkpoint") && e.contains("step-0000004"), "{e}");
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let a = trained(&dir.path().join("a"), &[("steps", "4")]);
    let b = trained(&dir.path().join("b"), &[("steps", "4"), ("lr", "0.001")]);
    fs::copy(b.join("checkpoints/step-0000004.safetensors"), a.join("checkpoints/step-0000004.safetensors")).expect("a copy");
    let e = Run::again(&a, 8).train(&Interrupt::default()).expect_err("not its own").to_string();
    assert!(e.contains("`lr`") && e.contains("0.001") && e.contains("0.0002"), "{e}");
}

/// As after a kill before the first checkpoint: the run begins anew and ends as it would have.
#[test]
fn without_checkpoints_a_resume_begins_at_step_0() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = trained(&dir.path().join("run"), &[("steps", "4")]);
    let good = bytes(&run, 4);
    fs::remove_file(run.join("checkpoints/step-0000004.safetensors")).expect("it is removed");
    fs::write(run.join("checkpoints/step-0000004.safetensors.tmp"), &good[..100]).expect("it is written");
    Run::again(&run, 4).train(&Interrupt::default()).expect("it begins anew");
    same(&bytes(&run, 4), &good);
    assert_eq!(losses(&run).len(), 4);
    assert!(!run.join("checkpoints/step-0000004.safetensors.tmp").exists());
}

#[test]
fn changed_data_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("noise.npy");
    let noise = |offset: usize| (0..16 * 64).map(|i| ((i * 37 + offset) % 101) as f32 / 100.0).collect::<Vec<_>>();
    calotype_data::write_npy(&data, &[16, 8, 8, 1], &noise(0)).expect("it is written");
    let mut wanted = wanted(&[("steps", "1")]);
    wanted.data = Some(data.display().to_string());
    let path = dir.path().join("run");
    Run::fresh(&path, &wanted, cpu()).train(&Interrupt::default()).expect("it trains");
    calotype_data::write_npy(&data, &[16, 8, 8, 1], &noise(1)).expect("it is written");
    let config = calotype_training::RunFolder::open(&path).expect("a run").1;
    let e = calotype_training::Material::of_run(&config).err().expect("other data").to_string();
    assert!(e.contains("the data have changed"), "{e}");
}
