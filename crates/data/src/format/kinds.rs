//! The kinds of data: how each is recognised, what becomes of it, which options it heeds. `docs/data.md` is made from this list, and
//! the tests walk it.

/// A kind of data.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// For a sentence: `a table of numbers`.
    pub name: &'static str,
    /// By what it is recognised.
    pub recognised: &'static str,
    /// What the rows are, and what is done to them.
    pub becomes: &'static str,
    /// Fields of [`Options`](crate::Options) that have an effect on it.
    pub heeds: &'static [&'static str],
    /// What is refused, and words of the message.
    pub refused: &'static [Refused],
}

/// Something that a [`Kind`] refuses.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// In a few words.
    pub what: &'static str,
    /// They are in the message.
    pub words: &'static str,
}

pub(crate) static TABLE: Kind = Kind {
    name: "a table of numbers",
    recognised: "ends in .csv, .tsv, .tab, .txt, .data or .dat, or in one of them and .gz; or is text of lines with equally many fields, \
                 a number on each of them. Commas, semicolons, tabs, | or blanks separate fields (a first line `sep=;` says which); UTF-8, or UTF-16 \
                 with a byte order mark",
    becomes: "rows [D] of f64, one a line. A first line without a number, or the last comment (#) above the rows, names the columns. \
              The one column of words, or label=, is the class. Left out, and said: pandas' index, R's names of rows, words that differ \
              on most lines, separators at the ends of lines, comments. Commas are decimal points where no number has a point",
    heeds: &["test_every", "label", "columns", "header", "missing"],
    refused: &[
        refused("missing values (empty, ?, NA, N/A, NaN, null, none, -, .) without missing=drop", "--set missing=drop"),
        refused("a column that is missing on every line", "missing on all"),
        refused("a word in a column of numbers", "expected a finite number, found `"),
        refused("an infinite value", "found `inf`"),
        refused("several columns of words", "--set label="),
        refused("no column of numbers", "a column of numbers"),
        refused("a column that is not there", "did you mean"),
        refused("measurements as classes", "a column of classes"),
        refused("lines of unequal length", "values, the first line has"),
        refused("separators between thousands, units, signs of money", "a plain number, without separators between thousands"),
        refused("decimal points beside decimal commas", "expected decimal points"),
        refused("decimal commas between commas", "separate fields by semicolons"),
        refused("quotes that do not end where a field does", "double quotes that begin and end a field"),
        refused("text that is neither UTF-8 nor marked UTF-16", "save it as UTF-8"),
        refused("no row", "no rows of numbers"),
        refused("a web page or a pointer of Git LFS under the name of a table", "expected a table, found"),
    ],
};

const fn refused(what: &'static str, words: &'static str) -> Refused {
    Refused { what, words }
}

pub(crate) static NPY: Kind = Kind {
    name: "a NumPy array",
    recognised: "begins with \\x93NUMPY, or ends in .npy",
    becomes: "images [H, W, C] or rows [D]",
    heeds: &["test_every", "levels", "layout", "range"],
    refused: &[],
};

pub(crate) static IDX: Kind = Kind {
    name: "an IDX file",
    recognised: "begins with the magic number 00 00 type dimensions, plain or gzipped",
    becomes: "images [H, W, C] or rows [D] of 256 levels, with the labels file beside it",
    heeds: &["test_every"],
    refused: &[],
};

pub(crate) static IDX_FOLDER: Kind = Kind {
    name: "a folder of IDX files",
    recognised: "holds train-images… or t10k-images… and their labels",
    becomes: "images [H, W, 1] of 256 levels with classes; t10k is the test split",
    heeds: &["test_every"],
    refused: &[],
};

pub(crate) static CIFAR: Kind = Kind {
    name: "CIFAR's binary version",
    recognised: "ends in .bin, or a folder of data_batch_*.bin",
    becomes: "images [32, 32, 3] of 256 levels with classes; test_batch.bin is the test split",
    heeds: &["test_every"],
    refused: &[],
};

pub(crate) static CELEBA: Kind = Kind {
    name: "CelebA",
    recognised: "a folder with list_attr_celeba.txt",
    becomes: "images [S, S, 3] of 256 levels; each attribute is a factor",
    heeds: &["test_every", "broken", "channels"],
    refused: &[],
};

pub(crate) static IMAGES: Kind = Kind {
    name: "a folder or an archive of images",
    recognised: "any other folder; ends in .zip, .tar, .tar.gz or .tgz",
    becomes: "images [H, W, C] of 256 levels (f32 in 0..1 where images have 16 bits), C = 1 if all are grey, else 3; folders are classes; \
              folders train, val and test are splits",
    heeds: &["test_every", "broken", "channels", "range"],
    refused: &[
        Refused { what: "no image in it", words: "expected images" },
        Refused { what: "images that cannot be decoded", words: "--set broken=skip" },
        Refused { what: "a link whose target is missing", words: "a link whose target is missing" },
        Refused { what: "images beside class folders", words: "images, or one folder a class" },
        Refused { what: "HEIC under the name of a JPEG", words: "a HEIC photograph" },
        Refused { what: "AVIF under the name of a PNG", words: "an AVIF image" },
        Refused { what: "a web page under the name of an image", words: "a web page" },
        Refused { what: "a Git LFS pointer", words: "git lfs pull" },
        Refused { what: "a text under the name of an image", words: "a text file" },
        Refused { what: "a range that does not hold all values", words: "a range that holds all values" },
    ],
};

pub(crate) static IMAGE: Kind = Kind {
    name: "an image",
    recognised: "ends in .png, .jpg, .jpeg, .gif, .webp, .bmp, .tif or .tiff",
    becomes: "one row, as in a folder of images",
    heeds: &["channels", "range"],
    refused: &[Refused { what: "an image that cannot be decoded", words: "cannot be read" }],
};

pub(crate) static BUNDLED: Kind = BUNDLED_KIND;

pub(crate) static EMOJI: Kind = Kind { name: "emoji", heeds: &["tones"], ..BUNDLED_KIND };

pub(crate) static MADE: Kind = Kind { name: "generated data", heeds: &["rows"], ..BUNDLED_KIND };

const BUNDLED_KIND: Kind = Kind {
    name: "a bundled data set",
    recognised: "by its name",
    becomes: "as `calotype data` lists them",
    heeds: &[],
    refused: &[],
};

/// All kinds of files and folders.
pub static KINDS: [&Kind; 8] = [&IMAGES, &IMAGE, &CELEBA, &TABLE, &NPY, &IDX, &IDX_FOLDER, &CIFAR];
