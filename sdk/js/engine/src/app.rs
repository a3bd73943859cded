//! The file `app.js`: modules one after the other, each after a line with its name and its length in bytes, so that the file can be read
//! by people, and no module can pretend to be another.

/// What a module's first line begins with.
const HEAD: &str = "//# module ";

/// Name and text of each module; the first one is where the program begins.
pub(crate) fn modules(text: &str) -> Result<Vec<(&str, &str)>, String> {
    let mut rest = text;
    let mut modules = Vec::new();
    while !rest.is_empty() {
        let module = rest.split_once('\n').and_then(|(head, after)| {
            let (name, length) = head.strip_prefix(HEAD)?.rsplit_once(' ')?;
            let length: usize = length.parse().ok()?;
            let (text, after) = (after.get(..length)?, after.get(length..)?);
            Some((name, text, after.strip_prefix('\n').unwrap_or(after)))
        });
        let (name, text, after) = module.ok_or("app.js is not as `youji build` writes it; build it again")?;
        modules.push((name, text));
        rest = after;
    }
    if modules.is_empty() {
        return Err("the package has no app.js; build it with `youji build`".to_owned());
    }
    Ok(modules)
}
