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
                 a number on each of them. Commas, semicolons, tabs, | or blanks separate fields (a first line `sep=;` says which); UTF-8, UTF-16 \
                 with a byte order mark, else Windows-1252",
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
        refused("text of no known characters", "save it as UTF-8"),
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
    becomes: "images [H, W, C] of [N, H, W], [N, H, W, C] or [N, C, H, W], rows [D] of [N, D] or [N]: levels of whole numbers of 0 to 255, \
              else continuous; label=FILE.npy for classes",
    heeds: &["test_every", "levels", "layout", "range", "label"],
    refused: &[
        Refused { what: "Python objects", words: "saved with pickle (`|O`); save `numpy.stack(a).astype('float64')`" },
        Refused { what: "records of named fields", words: "save `numpy.lib.recfunctions.structured_to_unstructured(a)`" },
        Refused { what: "complex numbers", words: "save `numpy.stack([a.real, a.imag], -1)`" },
        Refused {
            what: "words",
            words: "save `numpy.unique(a, return_inverse=True)[1]` for classes, or for numbers `a.astype('float64')`",
        },
        Refused { what: "dates or times", words: "save `a.astype('int64')`" },
        Refused { what: "sizes other than one, two, three or four", words: "save `a.reshape(len(a), -1)` for rows of vectors" },
        Refused { what: "images of 2 or more than 4 channels", words: "expected images of 1, 3 or 4 channels" },
        Refused { what: "images whose other layout has a fitting number of channels", words: "use --set layout=nchw" },
        Refused { what: "a NaN or infinity", words: "expected a finite number" },
        Refused { what: "a value outside the range that is set", words: "as range says" },
        Refused { what: "a value beyond the levels that are set", words: "for levels=9" },
        Refused { what: "classes of another number than rows", words: "shape mismatch: 2 labels" },
        Refused { what: "a table of 0 and 1 as classes", words: "save `a.argmax(1)`" },
        Refused { what: "a file that ends early", words: "the file is truncated, or its header is wrong" },
        Refused { what: "a file that goes on", words: "but more follow" },
    ],
};

pub(crate) static NPZ: Kind = Kind {
    name: "a file of NumPy arrays",
    recognised: "ends in .npz; FILE.npz:NAME is one array of it",
    becomes: "as a NumPy array. Of several, those named x_train, y_train, x_test, y_test (train_images, …) or x and y (X, data, images; \
              labels, target); x_val, y_val (val_images, …) are held out",
    heeds: &["test_every", "levels", "layout", "range", "label"],
    refused: &[
        Refused { what: "several arrays of unknown names", words: "open one as" },
        Refused { what: "a name that no array has", words: "expected the name of an array of the file" },
        Refused { what: "test rows of another type or shape than training rows", words: "expected rows as those of" },
        Refused { what: "no arrays", words: "no arrays (.npy files) in it" },
        Refused { what: "a zip that is damaged", words: "the file is truncated or damaged" },
    ],
};

pub(crate) static IDX: Kind = Kind {
    name: "an IDX file",
    recognised: "begins with the magic number 00 00 type dimensions, plain or gzipped",
    becomes: "as a NumPy array, with the labels file beside it; u8 has 256 levels",
    heeds: &["test_every", "levels", "layout", "range"],
    refused: &[
        Refused { what: "labels by themselves", words: "open the file of the images" },
        Refused { what: "a type other than 08, 09, 0b, 0c, 0d and 0e, in a .gz", words: "expected an IDX magic number" },
        Refused { what: "labels of another number than images", words: "shape mismatch: 1 labels" },
    ],
};

pub(crate) static IDX_FOLDER: Kind = Kind {
    name: "a folder of IDX files",
    recognised: "holds train-images… or t10k-images… and their labels, also after one common beginning (emnist-letters-), or in raw or X/raw below",
    becomes: "as an IDX file, with classes; t10k is the test split, and by itself the training rows",
    heeds: &["test_every", "levels", "layout", "range"],
    refused: &[
        Refused {
            what: "several data sets in one folder",
            words: "move the files of one to a folder of their own, or open its file of images",
        },
        Refused { what: "several folders raw", words: "open one of these folders" },
        Refused { what: "test images of another size", words: "expected rows as those of" },
    ],
};

pub(crate) static CIFAR: Kind = Kind {
    name: "CIFAR's binary version",
    recognised: "ends in .bin, or a folder of data_batch_*.bin (CIFAR-10) or train.bin (CIFAR-100), or the folder that holds it",
    becomes: "images [32, 32, 3] of 256 levels with classes, of CIFAR-100 also the factor coarse; test_batch.bin or test.bin is the test split",
    heeds: &["test_every"],
    refused: &[
        Refused { what: "a part of a record", words: "the file is truncated, or its header is wrong" },
        Refused { what: "a label of no class", words: "expected a label below 10" },
        Refused { what: "another number of names than classes", words: "expected 100 names, a line each" },
        Refused {
            what: "the Python version",
            words: "its Python version, which is pickled; fetch https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        },
        Refused { what: "both versions in one folder", words: "open one of these folders" },
    ],
};

pub(crate) static CELEBA: Kind = Kind {
    name: "CelebA",
    recognised: "a folder with list_attr_celeba.txt or .csv, in it or in Anno; images are found by name",
    becomes: "images [S, S, 3] of 256 levels; each attribute is a factor. By list_eval_partition, if it is there, part 2 is the test \
              split and part 1 is held out",
    heeds: &["size", "test_every", "broken", "channels", "range", "label"],
    refused: &[
        Refused { what: "images that are missing", words: "use --set broken=skip to leave them out" },
        Refused { what: "a value other than 1 and -1", words: "expected 1 or -1" },
        Refused { what: "another number of images than the list begins with", words: "as its first line says" },
        Refused { what: "a line of another length", words: "shape mismatch: row 0 has 1 values" },
        Refused { what: "an image without a part", words: "expected a line for every image" },
    ],
};

pub(crate) static ATTRIBUTES: Kind = Kind {
    name: "images with a list of attributes",
    recognised: "a folder with one .csv whose first column names images below it, with or without a header; not where two folders hold images, or folders of splits hold class folders",
    becomes: "images as a folder of images has them; each column of at most 256 values is a factor, an only one the class",
    heeds: &["size", "test_every", "broken", "channels", "range", "label"],
    refused: &[
        Refused { what: "images that are missing", words: "use --set broken=skip to leave them out" },
        Refused {
            what: "a name that several images have",
            words: "expected one image of that name, or its path below the folder",
        },
        Refused { what: "a path that leads out of the folder", words: "expected the name of an image" },
        Refused { what: "a label that is no column", words: "expected none or a column of" },
    ],
};

pub(crate) static IMAGES: Kind = Kind {
    name: "a folder or an archive of images",
    recognised: "any other folder; ends in .zip, .tar, .tar.gz or .tgz; FOLDER:A and FOLDER:B of one that holds trainA and trainB",
    becomes: "images [H, W, C] of 256 levels (f32 in 0..1 where images have 16 bits), C = 1 if all are grey, else 3; folders are classes; \
              folders train, val and test are splits, as trainA and testA are of FOLDER:A; captions are those of a table captions.csv (file, \
              caption), or the lines of a .txt beside each image",
    heeds: &["size", "test_every", "broken", "channels", "range"],
    refused: &[
        Refused { what: "no image in it", words: "expected images" },
        Refused { what: "trainA and trainB beside each other, for a model of one data set", words: "expected one data set" },
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
    recognised: "ends in .png, .jpg, .jpeg, .jpe, .jfif, .gif, .webp, .bmp, .tif or .tiff",
    becomes: "one row, as in a folder of images",
    heeds: &["size", "channels", "range"],
    refused: &[Refused { what: "an image that cannot be decoded", words: "cannot be read" }],
};

pub(crate) static BUNDLED: Kind = BUNDLED_KIND;

pub(crate) static EMOJI: Kind = Kind { name: "emoji", heeds: &["tones"], ..BUNDLED_KIND };

pub(crate) static MADE: Kind = Kind { name: "generated data", heeds: &["rows", "size"], ..BUNDLED_KIND };

const BUNDLED_KIND: Kind = Kind {
    name: "a bundled data set",
    recognised: "by its name",
    becomes: "as `calotype data` lists them",
    heeds: &[],
    refused: &[],
};

/// All kinds of files and folders.
pub static KINDS: [&Kind; 10] = [&IMAGES, &IMAGE, &CELEBA, &ATTRIBUTES, &TABLE, &NPY, &NPZ, &IDX, &IDX_FOLDER, &CIFAR];
