//! Preprocessing that other programs wrote beside weights: `preprocessor_config.json` and timm's `config.json`.

use std::path::Path;

use distill_datasets::{
    ImageShape, ImageTransform,
    transform::{Fit, Interpolation},
};
use serde_json::Value;

use crate::{DriverError, store::read_json};

/// What a network was trained on, as another program says.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignPreprocessing {
    /// File that says so.
    pub file: String,
    /// From an image file to the network's pixels.
    pub transform: ImageTransform,
    /// Mean of each channel for pixels in `[0, 1]`.
    pub mean: Vec<f32>,
    /// Deviation of each channel.
    pub std: Vec<f32>,
    /// Class names in the order of the logits, where they are said.
    pub classes: Option<Vec<String>>,
}

impl ForeignPreprocessing {
    /// What lies in the folder of `weights`: `preprocessor_config.json` (transformers), else `config.json` (timm).
    /// `None` where neither says anything of images.
    ///
    /// # Errors
    /// [`DriverError`] for a file that is no JSON, and for a field that is not understood: nothing is guessed.
    pub fn beside(weights: &Path) -> Result<Option<Self>, DriverError> {
        let folder = weights.parent().unwrap_or(Path::new(""));
        // Many programs have a `config.json`; one that is no JSON is none of these.
        let config = std::fs::read_to_string(folder.join("config.json")).ok();
        let config: Option<Value> = config.and_then(|text| serde_json::from_str(&text).ok());
        let classes = config.as_ref().and_then(class_names);
        let path = folder.join("preprocessor_config.json");
        if let Some(value) = read_json::<Value>(&path)? {
            return transformers(&value, &path.display().to_string(), classes).map(Some);
        }
        let path = folder.join("config.json");
        let Some(config) = config else { return Ok(None) };
        let own = config.get("pretrained_cfg").unwrap_or(&config);
        match own.get("input_size").is_some() && own.get("mean").is_some() {
            true => timm(own, &path.display().to_string(), classes).map(Some),
            false => Ok(None),
        }
    }
}

/// Image processors of transformers: `size`, `crop_size`, `do_resize`, `do_center_crop`, `resample`, `image_mean`.
fn transformers(
    value: &Value,
    file: &str,
    classes: Option<Vec<String>>,
) -> Result<ForeignPreprocessing, DriverError> {
    let is_on = |field: &str| value.get(field).and_then(Value::as_bool);
    let refuse = |field: &str, expected: &str| {
        DriverError::field(file, field, value.get(field).unwrap_or(&Value::Null), expected)
    };
    let size = value.get("size").ok_or_else(|| refuse("size", "the image's size"))?;
    let square = |value: &Value| -> Option<usize> {
        let height = value.get("height").or_else(|| value.get("shortest_edge")).unwrap_or(value);
        let width = value.get("width").unwrap_or(height);
        (height == width).then(|| height.as_u64()).flatten().map(|side| side as usize)
    };
    let side = square(size).ok_or_else(|| refuse("size", "a square, or `shortest_edge`"))?;
    // ConvNeXt's processors resize by a share that is cut out afterwards.
    let share = value.get("crop_pct").and_then(Value::as_f64);
    let cuts = is_on("do_center_crop").unwrap_or(share.is_some());
    if is_on("do_resize") == Some(false) {
        return Err(refuse("do_resize", "`true`"));
    }
    // A number is the short side for CLIP, both sides for others.
    let kind = ["image_processor_type", "feature_extractor_type"];
    let kind = kind.iter().find_map(|field| value.get(field)?.as_str()).unwrap_or_default();
    let is_short =
        size.get("shortest_edge").is_some() || (size.is_u64() && kind.starts_with("CLIP"));
    let (side, fit) = match value.get("crop_size").filter(|_| cuts) {
        Some(crop) if !is_short && square(crop) != Some(side) => {
            return Err(refuse(
                "size",
                "`shortest_edge` beside `do_center_crop`: both sides are not resized and cut",
            ));
        }
        Some(_) if !is_short => (side, Fit::Squeeze),
        Some(crop) => {
            let crop = square(crop).ok_or_else(|| refuse("crop_size", "a square"))?;
            (crop, Fit::crop(crop, Some(side), None))
        }
        // From 384 pixels on they squeeze the whole image.
        None if share.is_some() && side < 384 => (side, Fit::crop(side, None, share)),
        None if share.is_some() => (side, Fit::Squeeze),
        None if size.get("shortest_edge").is_some() => (side, Fit::crop(side, None, None)),
        None => (side, Fit::Squeeze),
    };
    let interpolation = match value.get("resample").map_or(Some(2), Value::as_u64) {
        Some(2) => Interpolation::Bilinear,
        Some(3) => Interpolation::Bicubic,
        _ => return Err(refuse("resample", "2 for bilinear or 3 for bicubic")),
    };
    let normalises = is_on("do_normalize").unwrap_or(true);
    let mean = numbers(value.get("image_mean")).filter(|_| normalises);
    let std = numbers(value.get("image_std")).filter(|_| normalises);
    let (mean, std) = match (mean, std) {
        (Some(mean), Some(std)) => (mean, std),
        _ if !normalises => (vec![0.0; 3], vec![1.0; 3]),
        _ => return Err(refuse("image_mean", "mean and `image_std` of each channel")),
    };
    // EfficientNet's processors divide by the deviation once more.
    let twice = is_on("include_top").unwrap_or(kind.starts_with("EfficientNet")) && normalises;
    let std = if twice { std.iter().map(|std| std * std).collect() } else { std };
    if is_on("rescale_offset") == Some(true) {
        return Err(refuse("rescale_offset", "`false`: pixels from 0"));
    }
    let factor = value.get("rescale_factor").and_then(Value::as_f64).unwrap_or(1.0 / 255.0);
    if is_on("do_rescale") == Some(false) || (factor * 255.0 - 1.0).abs() > 1e-3 {
        return Err(refuse("rescale_factor", "1/255: pixels as fractions in [0, 1]"));
    }
    made(file, fit, interpolation, [mean.len(), side, side], (mean, std), classes)
}

/// timm's `pretrained_cfg`: `input_size`, `interpolation`, `crop_pct`, `crop_mode`, `mean`, `std`.
fn timm(
    value: &Value,
    file: &str,
    classes: Option<Vec<String>>,
) -> Result<ForeignPreprocessing, DriverError> {
    let refuse = |field: &str, expected: &str| {
        DriverError::field(file, field, value.get(field).unwrap_or(&Value::Null), expected)
    };
    // Where weights are tested at another size, timm says so beside.
    let input =
        value.get("test_input_size").filter(|size| size.is_array()).or(value.get("input_size"));
    let input: Option<Vec<usize>> = input
        .and_then(Value::as_array)
        .map(|sides| sides.iter().filter_map(Value::as_u64).map(|side| side as usize).collect());
    let [channels, height, width] = input.unwrap_or_default()[..] else {
        return Err(refuse("input_size", "three numbers: channels, height, width"));
    };
    if height != width {
        return Err(refuse("input_size", "a square image"));
    }
    let share = value.get("test_crop_pct").and_then(Value::as_f64);
    let share = share.or_else(|| value.get("crop_pct").and_then(Value::as_f64)).unwrap_or(0.875);
    if !(0.01..=1.0).contains(&share) {
        return Err(refuse("crop_pct", "from 0.01 to 1"));
    }
    let fit = match value.get("crop_mode").and_then(Value::as_str).unwrap_or("center") {
        "center" => Fit::crop(height, None, Some(share)),
        "squash" if share == 1.0 => Fit::Squeeze,
        _ => return Err(refuse("crop_mode", "`center`, or `squash` with `crop_pct` 1")),
    };
    let interpolation =
        match value.get("interpolation").and_then(Value::as_str).unwrap_or("bicubic") {
            "bilinear" => Interpolation::Bilinear,
            "bicubic" => Interpolation::Bicubic,
            _ => return Err(refuse("interpolation", "`bilinear` or `bicubic`")),
        };
    let (Some(mean), Some(std)) = (numbers(value.get("mean")), numbers(value.get("std"))) else {
        return Err(refuse("mean", "mean and `std` of each channel"));
    };
    made(file, fit, interpolation, [channels, height, width], (mean, std), classes)
}

fn made(
    file: &str,
    fit: Fit,
    interpolation: Interpolation,
    [channels, height, width]: [usize; 3],
    (mean, std): (Vec<f32>, Vec<f32>),
    classes: Option<Vec<String>>,
) -> Result<ForeignPreprocessing, DriverError> {
    if !(1..=4096).contains(&height) || ![1, 3].contains(&channels) {
        let value = format!("{channels}x{height}x{width}");
        return Err(DriverError::field(
            file,
            "size",
            value,
            "1 or 3 channels, from 1 to 4096 pixels",
        ));
    }
    let squeeze = ImageTransform::squeeze(ImageShape { channels, height, width });
    let transform = ImageTransform { fit, interpolation, ..squeeze };
    Ok(ForeignPreprocessing { file: file.to_owned(), transform, mean, std, classes })
}

/// `label_names` of timm, `id2label` of transformers; placeholders like `LABEL_0` are none.
fn class_names(config: &Value) -> Option<Vec<String>> {
    if let Some(names) = config.get("label_names").and_then(Value::as_array) {
        return names.iter().map(|name| name.as_str().map(str::to_owned)).collect();
    }
    let labels = config.get("id2label")?.as_object()?;
    let names: Option<Vec<String>> = (0..labels.len())
        .map(|id| labels.get(&id.to_string())?.as_str().map(str::to_owned))
        .collect();
    names.filter(|names| !names.iter().enumerate().all(|(id, name)| *name == format!("LABEL_{id}")))
}

fn numbers(value: Option<&Value>) -> Option<Vec<f32>> {
    let values = value?.as_array()?.iter().map(|number| number.as_f64().map(|v| v as f32));
    values.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(name: &str, content: &Value) -> Result<Option<ForeignPreprocessing>, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), content.to_string()).unwrap();
        let read = ForeignPreprocessing::beside(&folder.path().join("model.safetensors"));
        read.map_err(|e| e.to_string())
    }

    #[test]
    fn what_transformers_and_timm_write_is_understood() {
        let crop = json!({
            "do_resize": true, "size": {"shortest_edge": 256}, "do_center_crop": true,
            "crop_size": {"height": 224, "width": 224}, "resample": 3,
            "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
        });
        let own = read("preprocessor_config.json", &crop).unwrap().unwrap();
        assert_eq!(own.transform.fit, Fit::Crop { resize: 256 });
        assert_eq!(own.transform.interpolation, Interpolation::Bicubic);
        assert_eq!((own.transform.shape.height, own.std[2]), (224, 0.225));

        let vit = json!({
            "size": 224, "resample": 2, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
        });
        let own = read("preprocessor_config.json", &vit).unwrap().unwrap();
        assert_eq!((own.transform.fit, own.transform.shape.width), (Fit::Squeeze, 224));

        let convnext = json!({
            "size": {"shortest_edge": 224}, "crop_pct": 0.875, "resample": 3,
            "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
        });
        let own = read("preprocessor_config.json", &convnext).unwrap().unwrap();
        assert_eq!(
            (own.transform.fit, own.transform.shape.width),
            (Fit::Crop { resize: 256 }, 224)
        );

        let mut larger = convnext.clone();
        larger["size"]["shortest_edge"] = 384.into();
        let own = read("preprocessor_config.json", &larger).unwrap().unwrap();
        assert_eq!((own.transform.fit, own.transform.shape.width), (Fit::Squeeze, 384));

        let mut twice = vit.clone();
        twice["include_top"] = true.into();
        let own = read("preprocessor_config.json", &twice).unwrap().unwrap();
        assert_eq!(own.std, [0.25; 3]);

        let timm = json!({
            "architecture": "resnet18", "label_names": ["cat", "dog"],
            "pretrained_cfg": {
                "input_size": [3, 224, 224], "crop_pct": 0.95, "interpolation": "bicubic",
                "crop_mode": "center", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
            },
        });
        let own = read("config.json", &timm).unwrap().unwrap();
        assert_eq!(own.transform.fit, Fit::Crop { resize: 235 });
        assert_eq!(own.classes, Some(vec!["cat".to_owned(), "dog".to_owned()]));
    }

    #[test]
    fn nothing_is_guessed() {
        assert_eq!(read("config.json", &json!({"model_type": "bert"})), Ok(None));
        let own = |field: &str, value: Value| {
            let mut config = json!({
                "size": 224, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
            });
            config[field] = value;
            read("preprocessor_config.json", &config).unwrap_err()
        };
        for (field, value) in [
            ("resample", json!(1)),
            ("rescale_factor", json!(1.0)),
            ("size", json!({"height": 3, "width": 4})),
            ("image_mean", json!("half")),
            ("do_resize", json!(false)),
        ] {
            assert!(own(field, value).contains(&format!("`{field}`")), "{field}");
        }
        let deit = json!({
            "size": 256, "do_center_crop": true, "crop_size": 224,
            "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
        });
        assert!(read("preprocessor_config.json", &deit).unwrap_err().contains("`shortest_edge`"));
        assert!(own("size", json!(100_000)).contains("from 1 to 4096"));
    }
}
