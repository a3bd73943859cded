//! A chat: one room for each code, lines that everybody in it sees at once, and that whoever wrote them can take back.

mod room;
mod view;

use room::Room;
use youji_sdk::{Change, Ctx, Element, Fields, Happening, Launch, ListOptions, Outcome, Program, Saved, texts};

texts! {
    /// What people read.
    struct Words: ["zh", "en"] {
        title: ["房间 {room}", "Room {room}"],
        lobby: ["大厅", "Lobby"],
        guest: ["客人", "Guest"],
        me: ["{name}（我）", "{name} (me)"],
        nothing: ["还没有人说话", "Nobody has said anything yet"],
        lines: ["说过的话", "What was said"],
        say: ["说点什么", "Say something"],
        send: ["发出", "Send"],
        take_back: ["收回“{text}”", "Take back “{text}”"],
        name_me: ["写上我的名字", "Show my name"],
        why_name: ["在你说的话旁边写上你的名字", "To write your name beside what you say"],
        not_sent: ["没有发出，请再试一次", "Not sent; try again"],
        not_removed: ["没有收回，请再试一次", "Not taken back; try again"],
    }
}

/// Longest line, in characters.
pub(crate) const LONGEST: usize = 300;

/// Something to say above the field.
#[derive(Clone, Copy, PartialEq)]
enum Notice {
    NotSent,
    NotRemoved,
}

/// The model.
pub struct App {
    words: &'static Words,
    room: Room,
    /// This person, as this program knows them.
    me: String,
    /// What they want to be called; empty until they say.
    name: String,
    /// What they are writing.
    draft: String,
    notice: Option<Notice>,
}

/// What changes it.
#[derive(Clone)]
pub enum Msg {
    Write(String),
    Send,
    TakeBack(String),
    AskName,
    Named(Outcome),
    Changed(Change),
}

impl Program for App {
    type Msg = Msg;

    fn launched(launch: Launch, saved: Option<Saved>, ctx: &mut Ctx<Msg>) -> Self {
        let mut app = App {
            words: Words::of(&launch.language),
            room: Room::of_scene(&launch.scene),
            me: ctx.open_id().unwrap_or_default(),
            name: saved.and_then(|saved| String::from_utf8(saved.bytes).ok()).unwrap_or_default(),
            draft: String::new(),
            notice: None,
        };
        // Watch first, then list: what changes in between is known by its version.
        let prefix = app.room.prefix();
        if let Err(failure) = ctx.watch(room::MESSAGES, ListOptions::new().prefix(&prefix), Msg::Changed) {
            ctx.log_failure("watching the room", &failure);
        }
        app.room.load(ctx);
        app
    }

    fn update(&mut self, message: Msg, ctx: &mut Ctx<Msg>) {
        match message {
            Msg::Write(text) => self.draft = text.chars().take(LONGEST).collect(),
            Msg::Send => self.send(ctx),
            Msg::TakeBack(key) => self.notice = (!self.room.remove(&key, ctx)).then_some(Notice::NotRemoved),
            Msg::AskName => {
                ctx.profile(&["nickname"], self.words.why_name, Msg::Named);
            }
            Msg::Named(outcome) => {
                let name = outcome.fields.get_text("profile.nickname");
                if !name.is_empty() {
                    self.name = name.to_owned();
                }
            }
            Msg::Changed(change) => self.room.changed(&change),
        }
    }

    fn happened(&mut self, happening: Happening, ctx: &mut Ctx<Msg>) {
        match happening {
            // Some changes were lost: what is there now is the truth.
            Happening::Gap(_) => self.room.load(ctx),
            Happening::Settings(fields) => self.settings(&fields),
            _ => {}
        }
    }

    fn view(&self) -> Element<Msg> {
        view::page(self)
    }

    fn save(&self) -> Option<Saved> {
        (!self.name.is_empty()).then(|| Saved {
            schema: 1,
            bytes: self.name.clone().into_bytes(),
        })
    }
}

impl App {
    fn send(&mut self, ctx: &mut Ctx<Msg>) {
        let text = self.draft.trim().to_owned();
        if text.is_empty() {
            return;
        }
        let sent = self.room.say(&self.name, &text, ctx);
        self.notice = (!sent).then_some(Notice::NotSent);
        if sent {
            self.draft.clear();
        }
    }

    fn settings(&mut self, fields: &Fields) {
        let language = fields.get_text("language");
        if !language.is_empty() {
            self.words = Words::of(language);
        }
    }
}

youji_sdk::export!(App);
