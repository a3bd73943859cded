//! What the browser's own profile says before it starts: the camera is the kiosk's, and nobody's PIN is offered to be kept.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::Path;

/// "Allow" among Chromium's content settings (`CONTENT_SETTING_ALLOW`).
const ALLOW: u8 = 1;

/// Writes what the kiosk needs into the profile's preferences and leaves the rest as it is. The browser must not run meanwhile.
///
/// `origin` has its port, as Chromium's patterns have: "http://localhost:8080".
///
/// # Errors
/// The folder can't be written.
pub(super) fn prepare(profile: &Path, origin: &str) -> Result<()> {
    let folder = profile.join("Default");
    let file = folder.join("Preferences");
    let wrong = || format!("{} can't be written; choose another folder with --data DIR", file.display());
    std::fs::create_dir_all(&folder).with_context(wrong)?;
    let mut preferences = match std::fs::read(&file) {
        // What Chromium can't read either it makes anew.
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|_| json!({})),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => json!({}),
        Err(error) => return Err(error).with_context(wrong),
    };
    let camera = ["profile", "content_settings", "exceptions", "media_stream_camera"];
    set(&mut preferences, &camera, &format!("{origin},*"), json!({ "setting": ALLOW }));
    set(&mut preferences, &[], "credentials_enable_service", json!(false));
    set(&mut preferences, &["profile"], "password_manager_enabled", json!(false));
    set(&mut preferences, &["autofill"], "profile_enabled", json!(false));
    set(&mut preferences, &["translate"], "enabled", json!(false));
    let mut fresh = tempfile::NamedTempFile::new_in(&folder).with_context(wrong)?;
    fresh.write_all(preferences.to_string().as_bytes()).with_context(wrong)?;
    fresh.persist(&file).with_context(wrong)?;
    Ok(())
}

/// Sets a member of an object within objects; what is no object on the way becomes one.
fn set(within: &mut Value, path: &[&str], name: &str, value: Value) {
    let object = path.iter().fold(within, |at, step| {
        let members = as_object(at);
        members.entry(*step).or_insert_with(|| json!({}))
    });
    as_object(object).insert(name.to_owned(), value);
}

fn as_object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().unwrap_or_else(|| unreachable!("it was made an object above"))
}

#[cfg(test)]
mod tests {
    use super::prepare;
    use serde_json::{Value, json};

    #[test]
    fn the_camera_is_allowed_and_the_rest_of_the_profile_stays() {
        let profile = tempfile::tempdir().expect("a folder");
        let file = profile.path().join("Default/Preferences");
        let read = || -> Value { serde_json::from_slice(&std::fs::read(&file).expect("written")).expect("JSON") };
        prepare(profile.path(), "http://localhost:8080").expect("a fresh profile");
        let camera = json!({"http://localhost:8080,*": {"setting": 1}});
        assert_eq!(read()["profile"]["content_settings"]["exceptions"]["media_stream_camera"], camera);

        std::fs::write(
            &file,
            json!({"browser": {"zoom": 2}, "profile": {"name": "kiosk"}, "translate": 7}).to_string(),
        )
        .expect("written");
        prepare(profile.path(), "http://localhost:8080").expect("a used profile");
        assert_eq!(read()["browser"]["zoom"], 2);
        assert_eq!(read()["profile"]["name"], "kiosk");
        assert_eq!(read()["profile"]["content_settings"]["exceptions"]["media_stream_camera"], camera);
        assert_eq!(read()["translate"]["enabled"], false);

        std::fs::write(&file, "{ cut off").expect("written");
        prepare(profile.path(), "https://kiosk.example:443").expect("a broken profile");
        assert_eq!(read()["credentials_enable_service"], false);
    }
}
