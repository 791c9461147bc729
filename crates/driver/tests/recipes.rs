//! Recipes: what is built in, what is refused, and with which words.

use distill_driver::{
    Stage,
    recipe::{self, BUILTIN, Plan, TrainingPlan},
};

#[test]
fn every_recipe_that_is_built_in_resolves() {
    assert_eq!(BUILTIN[0].name, "digits", "the default comes first");
    for builtin in BUILTIN {
        let (recipe, source) = recipe::read(builtin.name, &[]).unwrap();
        assert_eq!(recipe.name, builtin.name);
        assert!(!recipe.description.is_empty() && builtin.text.starts_with("# "));
        let text = toml::to_string(&recipe).unwrap();
        assert_eq!(toml::from_str::<recipe::Recipe>(&text).unwrap(), recipe, "there and back");
        Plan::new(recipe, &source).unwrap();
    }
}

#[test]
fn the_tutorials_recipe_is_the_tutorials() {
    let (recipe, source) = recipe::read("labml-cifar10", &[]).unwrap();
    let plan = Plan::new(recipe, &source).unwrap();
    assert_eq!(plan.objective().formula(), "0.40·T²·KL(T=5) + 0.50·CE");
    let optimizer = &plan.student().optimizer;
    assert_eq!((optimizer.learning_rate, optimizer.batch, optimizer.epsilon), (2.5e-4, 64, 1e-8));
    assert_eq!((teacher(&plan).epochs, plan.student().epochs), (20, 10));
}

#[test]
fn fields_of_a_stage_win_over_those_of_the_recipe() {
    let plan = resolve(&["optimizer.batch=32", "student.optimizer.batch=16"]).unwrap();
    assert_eq!((teacher(&plan).optimizer.batch, plan.student().optimizer.batch), (32, 16));
    assert_eq!(plan.student().optimizer.kind, teacher(&plan).optimizer.kind);
}

#[test]
fn another_kind_of_optimizer_inherits_only_what_it_has() {
    let sgd = ["optimizer.kind=sgd", "optimizer.momentum=0.8", "student.optimizer.kind=adam"];
    let plan = resolve(&sgd).unwrap();
    assert_eq!(teacher(&plan).optimizer.momentum, 0.8);
    assert_eq!(plan.student().optimizer.kind, distill_driver::training::OptimizerKind::Adam);
}

#[test]
fn what_is_wrong_is_named_with_file_field_and_value() {
    let cases = [
        ("data.dataset=imagenet", "`imagenet`, expected one of digits, mnist"),
        ("data.augment=[\"rotate 3\"]", "`rotate 3`, expected `pad-crop N`"),
        ("data.size=64", "`data.size`"),
        ("data.colour=1", "unknown field `colour`"),
        ("teacher.model=vgg-huge", "[teacher] no model is named `vgg-huge`"),
        ("teacher.epochs=0", "`teacher.epochs` is `0`"),
        ("student.epochs=0", "`student.epochs` is `0`"),
        ("student.epochs=-1", "-1"),
        ("teacher.weights_key=ema", "teacher.weights_key` is `ema`, expected to be left out"),
        ("student.weights_key=ema", "student.weights_key` is `ema`, expected to be left out"),
        ("student.classes=[\"cat\"]", "`student.classes` is `cat`"),
        ("student.freeze_epochs=1", "`student.freeze_epochs` is `1`"),
        ("data.augment=[\"flip\", \"flip\"]", "each change once"),
        ("schedule.milestones=[3]", "schedule.milestones` is `[3]`"),
        ("optimizer.epsilon=1e-60", "optimizer.epsilon` is"),
        ("student.dropout=1.5", "[student] `dropout` is `1.5`"),
        ("student.hidden=[3]", "[student] `hidden`"),
        ("student.norm=layer", "layer"),
        ("optimizer.kind=lion", "lion"),
        ("optimizer.learning_rate=0", "learning_rate` is `0`"),
        ("optimizer.learning_rate=nan", "learning_rate` is `NaN`"),
        ("optimizer.momentum=0.9", "optimizer.momentum` is `given`"),
        ("optimizer.batch=0", "optimizer.batch` is `0`"),
        ("optimizer.clip_norm=-1.0", "clip_norm` is `-1`"),
        ("optimizer.accumulate=0", "optimizer.accumulate` is `0`"),
        ("schedule.warmup=1000", "schedule.warmup` is `1000`"),
        ("objective.0.temperature=0", "`objective[0].temperature` is `0`, expected"),
        ("objective.0.temperature=1e300", "`objective[0].temperature`"),
        ("objective.1.weight=1e300", "`objective[1].weight`"),
        ("optimizer.learning_rate=1e300", "optimizer.learning_rate`"),
        ("student.epochs=9000000000", "`student.epochs`"),
        ("objective.0.temperature=-2.0", "`objective[0].temperature` is `-2`"),
        ("objective.0.temperature=nan", "`objective[0].temperature` is `NaN`"),
        ("objective.0.temperature=inf", "`objective[0].temperature` is `inf`"),
        ("objective.1.weight=-0.5", "`objective[1].weight` is `-0.5`"),
        ("objective.0.term=soft-target", "soft-targets"),
        ("objective.0.temprature=3", "temprature"),
        ("objective=[]", "`objective` is `[]`"),
        ("log_every=0", "`log_every` is `0`"),
        ("name=../x", "`name` is `../x`"),
        ("surprise=1", "unknown field `surprise`"),
    ];
    for (setting, expected) in cases {
        let error = resolve(&[setting]).expect_err(setting);
        assert!(error.starts_with("recipe `digits`: "), "{error}");
        assert!(error.contains(expected), "{setting}: {error}, expected {expected}");
    }
}

#[test]
fn a_file_is_named_in_its_errors() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let name = file.to_str().unwrap();
    let good = BUILTIN[0].text;
    for (text, expected) in [
        (good.replace("[teacher]", "[teacher]\nepochs = 3"), "duplicate key"),
        (good.replace("[data]", "[data]\nseeds = 3"), "unknown field `seeds`"),
        (good.replace("name = ", "nam = "), "unknown field `nam`"),
        ("not toml at all".to_owned(), "mine.toml"),
        (String::new(), "missing field"),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = recipe::read(name, &[]).unwrap_err().to_string();
        assert!(error.contains("mine.toml") && error.contains(expected), "{error}");
    }
    let error = recipe::read("none.toml", &[]).unwrap_err().to_string();
    assert!(error.contains("none.toml"), "{error}");
    let error = recipe::read("digit", &[]).unwrap_err().to_string();
    assert!(error.contains("did you mean `digits`?"), "{error}");
}

fn resolve(settings: &[&str]) -> Result<Plan, String> {
    let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
    recipe::read("digits", &settings)
        .and_then(|(recipe, source)| Plan::new(recipe, &source))
        .map_err(|e| e.to_string())
}

fn teacher(plan: &Plan) -> &TrainingPlan {
    plan.training(Stage::Teacher).expect("the recipe trains a teacher")
}
