//! What the page stack says to a program: on the stage as on a host (there: `pages_are_kept_by_the_host` of the runtime's tests).

use youji_sdk::testing::{FakeHost, launch};
use youji_sdk::widgets::{Parent, button, page};
use youji_sdk::{Ctx, Element, Fields, Happening, Launch, Program, Saved};

struct Pages(Vec<&'static str>);

#[derive(Clone)]
enum Msg {
    Push,
    Replace,
}

impl Program for Pages {
    type Msg = Msg;

    fn launched(_: Launch, _: Option<Saved>, _: &mut Ctx<Msg>) -> Self {
        Pages(Vec::new())
    }

    fn update(&mut self, message: Msg, ctx: &mut Ctx<Msg>) {
        self.0.clear();
        let asked = match message {
            Msg::Push => ctx.push("pages/second", Fields::new()),
            Msg::Replace => ctx.replace("pages/third", Fields::new()),
        };
        asked.expect("the stack has room");
    }

    fn happened(&mut self, happening: Happening, _: &mut Ctx<Msg>) {
        self.0.push(match happening {
            Happening::PageShown(_) => "page-shown",
            Happening::PageHidden(_) => "page-hidden",
            Happening::PageUnloaded(_) => "page-unloaded",
            Happening::NavigatedBack(_) => "navigated-back",
            _ => "other",
        });
    }

    fn view(&self) -> Element<Msg> {
        page()
            .title("Pages")
            .child(button().label("Push").on_tap(Msg::Push))
            .child(button().label("Replace").on_tap(Msg::Replace))
            .into()
    }
}

#[test]
fn the_first_page_comes_with_the_launch_and_later_ones_with_events() {
    let host = FakeHost::new();
    let mut stage = host.open::<Pages>("ann", launch("pages/first"));
    assert_eq!(stage.program().0, Vec::<&str>::new(), "nothing is said of the first page");
    stage.tap("Push");
    assert_eq!(stage.program().0, ["page-hidden", "page-shown"]);
    stage.tap("Replace");
    assert_eq!(stage.program().0, ["page-unloaded", "page-shown"]);
    stage.back();
    assert_eq!(stage.program().0[2..], ["page-unloaded", "navigated-back", "page-shown"]);
}
