//! `calotype draw`.

use anyhow::Result;
use calotype_data::lettering::captioned;
use calotype_data::{picture, write_npy};
use calotype_models::{Text, latent, text};

use super::Ending;
use crate::args::DrawArgs;
use crate::fault::WrongUse;
use crate::output::{has_folder, note, print, replace, writable};
use crate::used::Used;

/// Pictures of a sentence, and lines of a pair, unless said otherwise.
const COUNT: usize = 8;
const LINES: usize = 3;
/// Pictures from one sentence to the next, both ends among them.
const STEPS: usize = 9;
/// Pictures of small images are enlarged to about this many pixels on the screen, so that a sentence has room below them.
const ABOUT_PIXELS: usize = 560;
/// Pictures that are drawn at once.
const AT_ONCE: usize = 64;

/// Pictures beside each other: of which embeddings, and by which latents.
struct Line {
    /// [N, E].
    embeddings: Vec<f32>,
    /// [N, Z].
    latents: Vec<f32>,
    /// What stands below it.
    caption: String,
}

pub fn run(args: &DrawArgs, threads: usize) -> Result<Ending> {
    let used = Used::open(&args.run, args.checkpoint.unwrap_or_default())?;
    let Some(model) = used.model.text() else { return Err(used.cannot("draws nothing from text")) };
    let is_array = is_array(args)?;
    has_folder("--out", Some(&args.out))?;
    let sentences = sentences(args, model.length())?;
    has_learned(&used, model)?;
    writable(&args.out)?;
    let shape = used.model.shape().to_vec();
    let count = args.count.map_or(if args.interpolate { LINES } else { COUNT }, |n| n as usize);
    let latents = latent::latents(&model.parts(), count, args.seed);
    let latents = latents.as_f32().unwrap_or_default();
    let (from, which) = (used.restored.path.display().to_string(), used.restored.which());
    let columns = if args.interpolate { STEPS } else { count };
    let mut session = used.on(args.device.as_deref(), threads)?;
    let programs = session.drawings(AT_ONCE.min(columns * sentences.len()))?;
    let read = programs.read(session.opened.device(), &sentences)?;
    let read: Vec<&[f32]> = read.chunks_exact((read.len() / sentences.len()).max(1)).collect();
    let lines = match args.interpolate {
        true => between(&sentences, &read, latents, count),
        false => each(&sentences, &read, latents, count),
    };
    let n = lines.len() * columns;
    let all = |of: fn(&Line) -> &[f32]| lines.iter().flat_map(of).copied().collect::<Vec<f32>>();
    let made = programs.draw(session.opened.device(), &all(|line| &line.embeddings), &all(|line| &line.latents), n)?;
    session.opened.keep_pipelines();
    let &[h, w, c] = shape.as_slice() else { return Err(session.used.cannot("draws no images")) };
    if is_array {
        replace(&args.out, |file| write_npy(file, &[n, h, w, c], &made))?;
    } else {
        let sheet = |images: &[f32]| match args.scale {
            Some(scale) => picture::tiled(images, [columns, h, w, c], Some(columns), 1, scale as usize),
            None => picture::sheet(images, [columns, h, w, c], Some(columns), ABOUT_PIXELS),
        };
        let parts = made.chunks_exact(columns * h * w * c).zip(&lines);
        let parts = parts.map(|(images, line)| Ok((sheet(images)?, line.caption.clone()))).collect::<Result<Vec<_>>>()?;
        let picture = captioned(&parts).unwrap_or_default();
        replace(&args.out, |file| picture::write_png(file, &picture))?;
    }
    let which = which.map_or(String::new(), |which| format!(", {which}"));
    note(&format!("{} from {from}{which}", crate::output::counted(n as u64, "picture")));
    print(&args.out.display().to_string())?;
    Ok(Ending::Done)
}

/// Whether an array is asked for.
///
/// # Errors
/// Another ending; `--scale` for an array.
fn is_array(args: &DrawArgs) -> Result<bool> {
    let out = args.out.display();
    match args.out.extension().and_then(|e| e.to_str()).map(str::to_lowercase).as_deref() {
        Some("png") => Ok(false),
        Some("npy") if args.scale.is_some() => {
            Err(WrongUse("--scale is for pictures, .png; leave it out for arrays".into()).into())
        }
        Some("npy") => Ok(true),
        _ => Err(WrongUse(format!("--out {out}: expected a file name that ends in .png or .npy")).into()),
    }
}

/// What is to be drawn; says what of it cannot be read.
///
/// # Errors
/// Nothing to read; one sentence alone to interpolate between.
fn sentences(args: &DrawArgs, length: usize) -> Result<Vec<&str>> {
    let all: Vec<&str> = args.sentences.iter().map(|sentence| sentence.trim()).collect();
    for sentence in &all {
        let read = text::read(sentence, length);
        if read.characters.iter().all(|&n| n == text::END) {
            return Err(WrongUse(format!(
                "`{sentence}`: nothing to draw; write a sentence, such as \"a large blue square, left\""
            ))
            .into());
        }
        if read.cut {
            note(&format!("`{sentence}`: the run reads {length} characters, and what follows is cut off"));
        }
        if !read.unknown.is_empty() {
            let unknown: Vec<String> = read.unknown.iter().map(char::to_string).collect();
            note(&format!("`{sentence}`: read as blanks: {}", unknown.join(" ")));
        }
    }
    match args.interpolate && all.len() < 2 {
        true => Err(WrongUse("--interpolate needs at least two sentences".into()).into()),
        false => Ok(all),
    }
}

/// # Errors
/// A checkpoint from before the generator began to learn.
pub(super) fn has_learned(used: &Used, model: &dyn Text) -> Result<()> {
    let (step, from) = (used.restored.checkpoint.step, model.draws_from());
    if from == 0 || step > from {
        return Ok(());
    }
    Err(WrongUse(format!(
        "the run cannot draw yet: after {step} steps its generator has not begun to learn, the first {from} are of the text encoder; go on with \
         `calotype train --resume {}`",
        used.folder.path().display()
    ))
    .into())
}

/// A line a sentence.
fn each(sentences: &[&str], read: &[&[f32]], latents: &[f32], count: usize) -> Vec<Line> {
    let line = |(sentence, embedding): (&&str, &&[f32])| Line {
        embeddings: embedding.repeat(count),
        latents: latents.to_vec(),
        caption: (*sentence).to_owned(),
    };
    sentences.iter().zip(read).map(line).collect()
}

/// From each sentence to the next, a line for each of `count` latents; the last of these lines says from what to what.
fn between(sentences: &[&str], read: &[&[f32]], latents: &[f32], count: usize) -> Vec<Line> {
    let mut lines = vec![];
    for (names, pair) in sentences.windows(2).zip(read.windows(2)) {
        let at = |n: usize| n as f32 / (STEPS - 1) as f32;
        let mix = |t: f32| pair[0].iter().zip(pair[1]).map(move |(a, b)| (1.0 - t) * a + t * b);
        let embeddings: Vec<f32> = (0..STEPS).flat_map(|n| mix(at(n))).collect();
        for (nth, z) in latents.chunks_exact((latents.len() / count).max(1)).enumerate() {
            let caption = if nth + 1 == count { format!("{} -> {}", names[0], names[1]) } else { String::new() };
            lines.push(Line { embeddings: embeddings.clone(), latents: z.repeat(STEPS), caption });
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_between_sentences_begin_and_end_at_them() {
        let (a, b, c) = ([0.0, 1.0], [1.0, -1.0], [3.0, 3.0]);
        let lines = between(&["a", "b", "c"], &[&a, &b, &c], &[0.1, 0.2, 0.3, 0.4], 2);
        assert_eq!(lines.iter().map(|line| line.caption.as_str()).collect::<Vec<_>>(), ["", "a -> b", "", "b -> c"]);
        assert!(lines.iter().all(|line| line.embeddings.len() == 2 * STEPS && line.latents.len() == 2 * STEPS));
        assert_eq!(
            (&lines[0].embeddings[..2], &lines[0].embeddings[8..10], &lines[0].embeddings[16..]),
            (&a[..], &[0.5, 0.0][..], &b[..])
        );
        assert_eq!((&lines[2].embeddings[..2], &lines[3].embeddings[16..]), (&b[..], &c[..]));
        assert_eq!((&lines[0].latents[14..], &lines[1].latents[..4]), (&[0.1, 0.2, 0.1, 0.2][..], &[0.3, 0.4, 0.3, 0.4][..]));
    }
}
