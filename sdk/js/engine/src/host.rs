//! The contract's imports as functions for scripts: the module `youji:host`, which only the SDK imports.
//!
//! It exports one object an interface. A refused call throws; everything else answers at once.

use crate::bindings::youji::miniapp as wit;
use crate::bindings::youji::miniapp::types::{Failure, Field};
use crate::script::{self, Phase};
use crate::value::{
    bytes_from_js, bytes_to_js, fields_from_js, fields_to_js, list_to_js, number, row_to_js, text_of, thrown, wrong,
};
use boa_engine::module::SyntheticModuleInitializer;
use boa_engine::object::ObjectInitializer;
use boa_engine::{Context, JsObject, JsResult, JsString, JsValue, Module, NativeFunction, js_string};

/// What a script gave to a function.
struct Given<'a> {
    values: &'a [JsValue],
    context: &'a mut Context,
}

impl Given<'_> {
    fn value(&self, at: usize) -> JsValue {
        self.values.get(at).cloned().unwrap_or_default()
    }

    fn text(&mut self, at: usize) -> JsResult<String> {
        let value = self.value(at);
        let text = value.as_string().map(|text| text_of(&text));
        text.ok_or_else(|| wrong(format!("argument {}: expected a text, found {}", at + 1, value.type_of())))
    }

    fn texts(&mut self, at: usize) -> JsResult<Vec<String>> {
        let value = self.value(at);
        let list = value.as_object().filter(JsObject::is_array);
        let list = list.ok_or_else(|| wrong(format!("argument {}: expected a list of texts", at + 1)))?;
        let length = list.get(js_string!("length"), self.context)?.to_length(self.context)?;
        let mut texts = Vec::new();
        for index in 0..length {
            let text = list.get(index, self.context)?.to_string(self.context)?;
            texts.push(text_of(&text));
        }
        Ok(texts)
    }

    fn count(&mut self, at: usize) -> JsResult<u64> {
        let value = self.value(at);
        let number = value.as_number().filter(|number| number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(number));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, not negative, exact")]
        number
            .map(|number| number as u64)
            .ok_or_else(|| wrong(format!("argument {}: expected a whole number from 0, found {}", at + 1, value.display())))
    }

    fn ticket(&mut self, at: usize) -> JsResult<u64> {
        self.text(at)?.parse().map_err(|_| wrong("expected a ticket"))
    }

    fn fields(&mut self, at: usize) -> JsResult<Vec<Field>> {
        let value = self.value(at);
        fields_from_js(&value, self.context)
    }

    fn bytes(&mut self, at: usize) -> JsResult<Vec<u8>> {
        let value = self.value(at);
        bytes_from_js(&value, self.context)
    }

    fn order(&mut self, at: usize) -> JsResult<wit::payment::Order> {
        let value = self.value(at);
        let order = value.as_object().ok_or_else(|| wrong("expected an order"))?;
        let mut lines = Vec::new();
        let list = order.get(js_string!("lines"), self.context)?;
        let list = list.as_object().filter(JsObject::is_array).ok_or_else(|| wrong("expected an order with lines"))?;
        for index in 0..list.get(js_string!("length"), self.context)?.to_length(self.context)? {
            let line = list.get(index, self.context)?;
            let line = line.as_object().ok_or_else(|| wrong("expected a line of an order"))?;
            let [title, quantity, amount, options] = self.members(&line, ["title", "quantity", "amount", "options"])?;
            let mut line = Given {
                values: &[title, quantity, amount, options],
                context: self.context,
            };
            lines.push(wit::payment::Line {
                title: line.text(0)?,
                quantity: u32::try_from(line.count(1)?).map_err(|_| wrong("the quantity of a line is too large"))?,
                amount: line.count(2)?,
                options: line.fields(3)?,
            });
        }
        let values = self.members(&order, ["orderNo", "merchant", "amount", "currency", "options"])?;
        let mut given = Given {
            values: &values,
            context: self.context,
        };
        Ok(wit::payment::Order {
            order_no: given.text(0)?,
            merchant: given.text(1)?,
            amount: given.count(2)?,
            currency: given.text(3)?,
            lines,
            options: given.fields(4)?,
        })
    }

    fn members<const N: usize>(&mut self, object: &JsObject, names: [&str; N]) -> JsResult<[JsValue; N]> {
        let mut values = std::array::from_fn(|_| JsValue::undefined());
        for (value, name) in values.iter_mut().zip(names) {
            *value = object.get(JsString::from(name), self.context)?;
        }
        Ok(values)
    }
}

/// What an import answers, for scripts.
trait Answer {
    fn to_js(self, context: &mut Context) -> JsResult<JsValue>;
}

impl Answer for () {
    fn to_js(self, _: &mut Context) -> JsResult<JsValue> {
        Ok(JsValue::undefined())
    }
}

impl Answer for String {
    fn to_js(self, _: &mut Context) -> JsResult<JsValue> {
        Ok(JsString::from(self.as_str()).into())
    }
}

impl Answer for Vec<String> {
    fn to_js(self, context: &mut Context) -> JsResult<JsValue> {
        let list = self.iter().map(|text| JsString::from(text.as_str()).into()).collect();
        Ok(list_to_js(list, context))
    }
}

impl Answer for Vec<u8> {
    fn to_js(self, context: &mut Context) -> JsResult<JsValue> {
        bytes_to_js(&self, context)
    }
}

impl Answer for Vec<Field> {
    fn to_js(self, context: &mut Context) -> JsResult<JsValue> {
        fields_to_js(&self, context)
    }
}

impl Answer for wit::records::Row {
    fn to_js(self, context: &mut Context) -> JsResult<JsValue> {
        row_to_js(&self, context)
    }
}

impl Answer for Vec<wit::records::Row> {
    fn to_js(self, context: &mut Context) -> JsResult<JsValue> {
        let mut list = Vec::with_capacity(self.len());
        for row in self {
            list.push(row_to_js(&row, context)?);
        }
        Ok(list_to_js(list, context))
    }
}

impl<T: Answer> Answer for Option<T> {
    fn to_js(self, context: &mut Context) -> JsResult<JsValue> {
        self.map_or_else(|| Ok(JsValue::undefined()), |some| some.to_js(context))
    }
}

impl<T: Answer> Answer for Result<T, Failure> {
    fn to_js(self, context: &mut Context) -> JsResult<JsValue> {
        match self {
            Ok(answer) => answer.to_js(context),
            Err(failure) => Err(thrown(&failure, context)),
        }
    }
}

/// A number of the contract: amounts, versions, moments.
struct Count(u64);

impl Answer for Count {
    fn to_js(self, _: &mut Context) -> JsResult<JsValue> {
        Ok(number(self.0))
    }
}

/// Has more digits than a script's number.
struct Ticket(u64);

impl Answer for Ticket {
    fn to_js(self, context: &mut Context) -> JsResult<JsValue> {
        self.0.to_string().to_js(context)
    }
}

fn may_call(name: &str) -> JsResult<()> {
    let moment = match script::phase() {
        Phase::Handling => return Ok(()),
        Phase::Loading => "while a module is loaded; call it in init or update",
        Phase::Drawing => "inside view, which must be pure; call it in init or update",
    };
    Err(wrong(format!("{name} was called {moment}")))
}

macro_rules! host {
    ($($interface:ident ($export:literal) { $($function:ident ($name:literal): |$given:ident| $call:expr;)* })*) => {
        /// The module that the SDK imports.
        pub(crate) fn module(context: &mut Context) -> JsResult<Module> {
            $(let $interface = {
                let mut object = ObjectInitializer::new(context);
                $(object.function(
                    NativeFunction::from_fn_ptr(|_, values, context| {
                        may_call(concat!($export, ".", $name))?;
                        let answer = {
                            let mut $given = Given { values, context };
                            let _ = &mut $given;
                            $call
                        };
                        answer.to_js(context)
                    }),
                    js_string!($name),
                    0,
                );)*
                object.build()
            };)*
            let text = ObjectInitializer::new(context)
                .function(NativeFunction::from_fn_ptr(decode), js_string!("decode"), 1)
                .function(NativeFunction::from_fn_ptr(encode), js_string!("encode"), 1)
                .build();
            let objects = [$((js_string!($export), $interface),)* (js_string!("utf8"), text)];
            let names: Vec<JsString> = objects.iter().map(|(name, _)| name.clone()).collect();
            let objects: Vec<JsValue> = objects.into_iter().map(|(_, object)| object.into()).collect();
            let list = boa_engine::object::builtins::JsArray::from_iter(objects, context);
            Ok(Module::synthetic(
                &names.clone(),
                SyntheticModuleInitializer::from_copy_closure_with_captures(
                    |module, (names, list), context| {
                        for (at, name) in names.iter().enumerate() {
                            module.set_export(name, list.get(at, context)?)?;
                        }
                        Ok(())
                    },
                    (names, list),
                ),
                None,
                None,
                context,
            ))
        }
    };
}

host! {
    identity ("identity") {
        open_id ("openId"): |given| wit::identity::open_id();
        union_id ("unionId"): |given| wit::identity::union_id();
        profile ("profile"): |given| wit::identity::profile(&given.texts(0)?, &given.fields(1)?).map(Ticket);
        login_code ("loginCode"): |given| wit::identity::login_code(&given.fields(0)?);
    }
    payment ("payment") {
        pay ("pay"): |given| wit::payment::pay(&given.order(0)?).map(Ticket);
        lookup ("lookup"): |given| wit::payment::lookup(&given.text(0)?, &given.fields(1)?);
        act ("act"): |given| wit::payment::act(&given.text(0)?, &given.text(1)?, &given.fields(2)?).map(Ticket);
    }
    messaging ("messaging") {
        subscribe ("subscribe"): |given| wit::messaging::subscribe(&given.texts(0)?, &given.fields(1)?).map(Ticket);
        send ("send"): |given| {
            let (to, template, fields) = (given.text(0)?, given.text(1)?, given.fields(2)?);
            wit::messaging::send(&to, &template, &fields, &given.text(3)?, &given.fields(4)?).map(Count)
        };
        share ("share"): |given| {
            let (title, page) = (given.text(0)?, given.text(1)?);
            wit::messaging::share(&title, &page, &given.fields(2)?, &given.fields(3)?).map(Ticket)
        };
    }
    storage ("storage") {
        get ("get"): |given| wit::storage::get(&given.text(0)?);
        set ("set"): |given| wit::storage::set(&given.text(0)?, &given.bytes(1)?);
        remove ("remove"): |given| wit::storage::remove(&given.text(0)?);
        keys ("keys"): |given| wit::storage::keys();
    }
    records ("records") {
        get ("get"): |given| wit::records::get(&given.text(0)?, &given.text(1)?);
        put ("put"): |given| {
            let (collection, key, expected) = (given.text(0)?, given.text(1)?, given.count(2)?);
            wit::records::put(&collection, &key, expected, &given.bytes(3)?, &given.fields(4)?).map(Count)
        };
        remove ("remove"): |given| wit::records::remove(&given.text(0)?, &given.text(1)?, given.count(2)?);
        list ("list"): |given| wit::records::list(&given.text(0)?, &given.fields(1)?);
        watch ("watch"): |given| wit::records::watch(&given.text(0)?, &given.fields(1)?).map(Ticket);
        unwatch ("unwatch"): |given| wit::records::unwatch(given.ticket(0)?);
    }
    timer ("timer") {
        wake_after ("wakeAfter"): |given| wit::timer::wake_after(given.count(0)?).map(Ticket);
        cancel ("cancel"): |given| wit::timer::cancel(given.ticket(0)?);
    }
    navigation ("navigation") {
        push ("push"): |given| wit::navigation::push(&given.text(0)?, &given.fields(1)?);
        replace ("replace"): |given| wit::navigation::replace(&given.text(0)?, &given.fields(1)?);
        back ("back"): |given| wit::navigation::back();
        close ("close"): |given| wit::navigation::close();
        open ("open"): |given| wit::navigation::open(&given.text(0)?, &given.text(1)?, &given.fields(2)?).map(Ticket);
    }
    scanner ("scanner") {
        scan ("scan"): |given| wit::scanner::scan(&given.fields(0)?).map(Ticket);
    }
    location ("location") {
        locate ("locate"): |given| wit::location::locate(&given.fields(0)?).map(Ticket);
    }
    clock ("clock") {
        now ("now"): |given| Count(wit::clock::now());
    }
    random ("random") {
        bytes ("bytes"): |given| {
            let length = u32::try_from(given.count(0)?).map_err(|_| wrong("at most 4,096 bytes"))?;
            wit::random::bytes(length)
        };
    }
    log ("log") {
        write ("write"): |given| wit::log::write(&given.text(0)?, &given.text(1)?);
    }
}

/// UTF-8 to text; what is no UTF-8 becomes U+FFFD.
fn decode(_: &JsValue, values: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let bytes = bytes_from_js(&values.first().cloned().unwrap_or_default(), context)?;
    Ok(JsString::from(String::from_utf8_lossy(&bytes).as_ref()).into())
}

fn encode(_: &JsValue, values: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let bytes = bytes_from_js(&values.first().cloned().unwrap_or_default(), context)?;
    bytes_to_js(&bytes, context)
}
