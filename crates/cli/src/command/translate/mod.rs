//! `calotype translate`.

mod inputs;
mod sheet;
mod targets;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use calotype_data::picture;
use calotype_models::Translator;
use calotype_training::{Progress, Translations, grouped, signed};

use super::Ending;
use crate::args::TranslateArgs;
use crate::fault::WrongUse;
use crate::output::{ending, has_folder, note, print, replace};
use crate::session::Session;
use crate::used::Used;

use inputs::{Found, Input, Padded};
use sheet::Sheet;
use targets::Target;

/// Images of fewer pixels a side are refused: a network that halves them twice sees nothing.
const LEAST_SIDE: usize = 16;
/// Pixels of the images that are translated at once.
const AT_ONCE: usize = 1 << 18;

pub fn run(args: &TranslateArgs, threads: usize) -> Result<Ending> {
    let used = Used::open(&args.run, args.checkpoint.unwrap_or_default())?;
    let Some(translator) = used.model.translator() else { return Err(used.cannot("translates no images")) };
    let targets = targets::parse(translator, &args.to)?;
    has_folder("--grid", args.grid.as_deref())?;
    args.grid.as_deref().map(|path| ending("--grid", path, "png")).transpose()?;
    let Found { inputs, mut broken, notes } = inputs::find(args, &used)?;
    notes.iter().for_each(|text| note(text));
    broken.iter().for_each(|text| note(&format!("skipped: {text}")));
    targets.iter().try_for_each(|target| target.check(translator, inputs.iter().map(|input| input.padded)))?;
    let outputs = outputs(args, &inputs, &targets)?;
    say_sizes(&inputs, translator);
    let mut sheet = args.grid.as_ref().map(|_| Sheet::new(used.model.shape(), inputs.len(), &targets));
    let which = used.restored.which().map_or(String::new(), |which| format!(", {which}"));
    let from = used.restored.path.display().to_string();
    let mut session = used.on(args.device.as_deref(), threads)?;
    let groups = inputs::by_size(&inputs);
    if let Some((largest, _)) = groups.iter().max_by_key(|(size, _)| size[0] * size[1]) {
        session.check_translations(*largest)?;
    }
    let mut progress = Progress::of("image");
    progress.begin(0, inputs.len() as u64);
    let (mut seen, mut done) = (0, 0);
    for (size, members) in groups {
        let batch = (AT_ONCE / (size[0] * size[1])).clamp(1, members.len());
        let programs = session.translations(batch, size)?;
        for part in members.chunks(batch) {
            let mut read = vec![];
            for &n in part {
                match inputs[n].read(session.used.model.shape(), size) {
                    Ok(image) => read.push((n, image)),
                    Err(e) => {
                        progress.say(&format!("skipped: {e}"));
                        broken.push(e.to_string());
                    }
                }
            }
            done += read.len();
            write(&mut session, &programs, &read, &targets, &outputs, sheet.as_mut())?;
            seen += part.len() as u64;
            progress.advance(seen, &[]);
        }
        session.unload(programs);
    }
    progress.end();
    if let (Some(sheet), Some(path)) = (sheet, &args.grid) {
        let picture = sheet.picture()?;
        replace(path, |file| picture::write_png(file, &picture))?;
    }
    note(&format!("{} from {from}{which}", crate::output::counted(done as u64, "image")));
    let written = [Some(&args.out), args.grid.as_ref()];
    print(&written.into_iter().flatten().map(|path| path.display().to_string()).collect::<Vec<_>>().join("\n"))?;
    match broken.len() {
        0 => Ok(Ending::Done),
        n => Err(anyhow!("{} of {} could not be read and were skipped, the first: {}", grouped(n), grouped(n + done), broken[0])),
    }
}

/// Translates some images of one size and writes what became of them.
fn write(
    session: &mut Session,
    programs: &Translations,
    read: &[(usize, Padded)],
    targets: &[Target],
    outputs: &[Vec<PathBuf>],
    mut sheet: Option<&mut Sheet>,
) -> Result<()> {
    let images: Vec<f32> = read.iter().flat_map(|(_, image)| signed(&image.values)).collect();
    if images.is_empty() {
        return Ok(());
    }
    if let Some(sheet) = &mut sheet {
        read.iter().for_each(|(n, image)| sheet.put(*n, 0, image));
    }
    let seen = match targets.iter().any(|target| target.needs_seen(session.used.model.translator())) {
        true => programs.recognise(session.opened.device(), &images)?,
        false => None,
    };
    for (column, target) in targets.iter().enumerate() {
        let domains = target.domains(session.used.model.translator(), read.len(), seen.as_deref());
        let made = programs.translate(session.opened.device(), target.way, &images, &domains)?;
        for ((n, image), made) in read.iter().zip(made.chunks_exact(made.len() / read.len())) {
            let made = image.cut(made);
            if let Some(sheet) = &mut sheet {
                sheet.put(*n, column + 1, &made);
            }
            let picture = picture::grid(&made.values, [1, made.size[0], made.size[1], made.channels], None, 0)?;
            replace(&outputs[*n][column], |file| picture::write_png(file, &picture))?;
        }
    }
    Ok(())
}

/// Where every translation of every input goes: below the output folder by the input's name, in a folder for each target where there
/// are several. The folders are made.
///
/// # Errors
/// A folder that cannot be made; a file that would overwrite an input.
fn outputs(args: &TranslateArgs, inputs: &[Input], targets: &[Target]) -> Result<Vec<Vec<PathBuf>>> {
    let names = inputs::names(inputs);
    let folder = |target: &Target| match targets.len() {
        1 => args.out.clone(),
        _ => args.out.join(&target.folder),
    };
    let all: Vec<Vec<PathBuf>> =
        names.iter().map(|name| targets.iter().map(|target| folder(target).join(name)).collect()).collect();
    let own = |path: &Path| path.canonicalize().ok().filter(|path| inputs.iter().any(|input| input.is_at(path)));
    if let Some(path) = all.iter().flatten().find_map(|path| own(path)) {
        return Err(WrongUse(format!(
            "--out {}: {} would be overwritten; choose another folder",
            args.out.display(),
            path.display()
        ))
        .into());
    }
    for folder in all.iter().flatten().filter_map(|path| path.parent()) {
        std::fs::create_dir_all(folder).map_err(|e| anyhow!("--out {}: {e}", folder.display()))?;
    }
    Ok(all)
}

/// Says what is done to images whose sides are no multiples of what the network takes.
fn say_sizes(inputs: &[Input], translator: &dyn Translator) {
    let multiple = translator.multiple();
    let n = inputs.iter().filter(|input| input.size.iter().any(|side| !side.is_multiple_of(multiple))).count();
    if n > 0 {
        let images = crate::output::counted(n as u64, "image");
        note(&format!("{images}: sides that are no multiple of {multiple} are padded for the network, and cut again"));
    }
    let side = translator.shape().first().copied().unwrap_or(1);
    let larger = inputs.iter().filter(|input| input.size.iter().all(|&s| s >= 4 * side)).count();
    if larger > 0 {
        let images = crate::output::counted(larger as u64, "image");
        note(&format!(
            "{images}: more than four times as large as the {side}x{side} images that the run learned from; --size {side} translates \
             them at that size"
        ));
    }
}
