//! The operator's choice: which version of a program opens, which publishers may come, and how the registries stand.

use super::App;
use super::extract::Object;
use super::visit::complete;
use crate::host::Host;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use youji_api::{ProgramId, PublisherId, codes};
use youji_package::Channel;
use youji_registry::{Listed, RemoteState};
use youji_services::Names;

/// Members of the operator's summary.
pub(crate) fn summary(host: &Host) -> (Vec<Value>, Vec<Value>, Vec<Value>) {
    let program = |listed: Listed| {
        let current = &listed.current;
        // Where nothing was released, what is shown is the trial itself.
        let trial = listed.trial.as_ref().map(|trial| trial.manifest.version.code);
        let release = (trial != Some(current.manifest.version.code)).then_some(current.manifest.version.code);
        let versions = listed.versions.iter().map(|version| {
            json!({
                "code": version.code,
                "name": version.name,
                "channel": version.channel,
                "here": version.here,
                "yanked": version.yanked,
            })
        });
        json!({
            "id": current.manifest.app_id,
            "name": Names::new(current.name("zh-CN"), current.name("en")),
            "publisher": listed.publisher_name,
            "allowed": listed.allowed,
            "open": listed.open,
            "release": release,
            "trial": trial,
            "held": listed.held,
            "registry": listed.origin,
            "versions": versions.collect::<Vec<Value>>(),
        })
    };
    let asked = host
        .registry
        .asked()
        .into_iter()
        .map(|asked| json!({"publisher": asked.key.id(), "program": asked.program, "registry": asked.registry}));
    let registry = |state: RemoteState| {
        json!({
            "address": state.name,
            "programs": state.programs,
            "answeredS": state.answered.map(|at| at.elapsed().as_secs()),
            "failed": state.failed,
            "leftOut": state.left_out,
        })
    };
    (
        host.registry.list().into_iter().map(program).collect(),
        asked.collect(),
        host.registry.remotes().into_iter().map(registry).collect(),
    )
}

#[derive(Deserialize)]
pub(crate) struct ChooseBody {
    program: String,
    version: u32,
    #[serde(default)]
    channel: Channel,
}

pub(crate) async fn choose(State(app): State<Arc<App>>, Object(body): Object<ChooseBody>) -> Result<Json<Value>, Problem> {
    complete(async move {
        let program = ProgramId::from(body.program.as_str());
        let chosen = app.host.registry.choose(&program, body.version, body.channel).await?;
        app.host.programs_changed();
        app.host.record("operator", json!({"action": "programs"}));
        Ok(Json(
            json!({"program": chosen.program, "version": chosen.version, "channel": chosen.channel, "changed": chosen.changed}),
        ))
    })
    .await
}

#[derive(Deserialize)]
pub(crate) struct AskedBody {
    publisher: String,
    /// The name that people read; none: nobody is asked about the publisher any more.
    #[serde(default)]
    name: Option<String>,
}

pub(crate) async fn asked(State(app): State<Arc<App>>, Object(body): Object<AskedBody>) -> Result<Json<Value>, Problem> {
    complete(async move {
        let registry = &app.host.registry;
        let id = PublisherId::from(body.publisher.as_str());
        let found = registry.asked().into_iter().find(|asked| asked.key.id() == id);
        let found = found.ok_or_else(|| {
            Problem::new(
                404,
                codes::NOT_FOUND,
                "Nobody asked for that publisher",
                "No program of that publisher was wanted here; nothing was changed.",
                "Reload the page and look again.",
            )
        })?;
        match &body.name {
            Some(name) => {
                app.host.allow_publisher(name, &found.key).await?;
            }
            None => registry.dismiss(&id).await?,
        }
        app.host.record("operator", json!({"action": "publishers"}));
        Ok(Json(json!({"allowed": body.name.is_some()})))
    })
    .await
}

pub(crate) async fn refresh(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    complete(async move {
        let failed = app.host.refresh_programs().await;
        app.host.record("operator", json!({"action": "refresh"}));
        let failed: Vec<String> = failed.iter().map(ToString::to_string).collect();
        Ok(Json(json!({"failed": failed})))
    })
    .await
}
