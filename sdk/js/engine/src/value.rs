//! Values of the contract to values of scripts and back.
//!
//! Named values are plain objects. Tickets are texts: they have more digits than a script's number. Bytes are `Uint8Array`s.

use crate::bindings::exports::youji::miniapp::program::Happening;
use crate::bindings::youji::miniapp::records::Row;
use crate::bindings::youji::miniapp::types::{Failure, Field, SavedState, Scalar};
use boa_engine::object::builtins::{JsArray, JsUint8Array};
use boa_engine::property::PropertyKey;
use boa_engine::value::TryFromJs;
use boa_engine::{Context, JsError, JsNativeError, JsObject, JsResult, JsString, JsValue, js_string};

/// Largest whole number that a script's number holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

pub(crate) fn wrong(message: impl Into<Box<str>>) -> JsError {
    JsNativeError::typ().with_message(String::from(message.into())).into()
}

pub(crate) fn text_of(text: &JsString) -> String {
    text.to_std_string_lossy()
}

pub(crate) fn scalar_to_js(scalar: &Scalar) -> JsValue {
    match scalar {
        Scalar::Flag(flag) => (*flag).into(),
        #[allow(clippy::cast_precision_loss, reason = "a script has no other numbers")]
        Scalar::Integer(number) => i32::try_from(*number).map_or_else(|_| JsValue::from(*number as f64), JsValue::from),
        Scalar::Number(number) => (*number).into(),
        Scalar::Text(text) => JsString::from(text.as_str()).into(),
    }
}

/// None for what is no scalar: undefined, null, objects.
pub(crate) fn scalar_from_js(value: &JsValue) -> Option<Scalar> {
    if let Some(flag) = value.as_boolean() {
        return Some(Scalar::Flag(flag));
    }
    if let Some(text) = value.as_string() {
        return Some(Scalar::Text(text_of(&text)));
    }
    let number = value.as_number()?;
    #[allow(clippy::cast_possible_truncation, reason = "whole and within the bounds")]
    Some(if number.fract() == 0.0 && number.abs() <= EXACT {
        Scalar::Integer(number as i64)
    } else {
        Scalar::Number(number)
    })
}

/// Lines of a text that are not empty.
pub(crate) fn lines(scalar: &Scalar) -> impl Iterator<Item = &str> {
    let text = match scalar {
        Scalar::Text(text) => text.as_str(),
        _ => "",
    };
    text.lines().filter(|line| !line.is_empty())
}

pub(crate) fn fields_to_js(fields: &[Field], context: &mut Context) -> JsResult<JsValue> {
    let object = JsObject::with_object_proto(context.intrinsics());
    for field in fields {
        object.create_data_property_or_throw(JsString::from(field.name.as_str()), scalar_to_js(&field.value), context)?;
    }
    Ok(object.into())
}

/// Of a plain object; members that are undefined are left out.
pub(crate) fn fields_from_js(value: &JsValue, context: &mut Context) -> JsResult<Vec<Field>> {
    if value.is_null_or_undefined() {
        return Ok(Vec::new());
    }
    let object = value.as_object().ok_or_else(|| wrong("expected an object of named values"))?;
    let mut fields = Vec::new();
    for key in object.own_property_keys(context)? {
        let given = object.get(key.clone(), context)?;
        if given.is_undefined() {
            continue;
        }
        let name = match &key {
            PropertyKey::String(name) => text_of(name),
            other => other.to_string(),
        };
        let value = scalar_from_js(&given)
            .ok_or_else(|| wrong(format!("\"{name}\": expected a text, a number or a flag, found {}", given.type_of())))?;
        fields.push(Field { name, value });
    }
    Ok(fields)
}

pub(crate) fn bytes_to_js(bytes: &[u8], context: &mut Context) -> JsResult<JsValue> {
    Ok(JsUint8Array::from_iter(bytes.iter().copied(), context)?.into())
}

/// Of a `Uint8Array`, or of a text as UTF-8.
pub(crate) fn bytes_from_js(value: &JsValue, context: &mut Context) -> JsResult<Vec<u8>> {
    if let Some(text) = value.as_string() {
        return Ok(text_of(&text).into_bytes());
    }
    let array = JsUint8Array::try_from_js(value, context).map_err(|_| wrong("expected a Uint8Array or a text"))?;
    let mut bytes = Vec::with_capacity(array.length(context)?);
    for at in 0..array.length(context)? {
        let byte = array.at(i64::try_from(at).unwrap_or(i64::MAX), context)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "elements of a Uint8Array are bytes")]
        bytes.push(byte.as_number().unwrap_or_default() as u8);
    }
    Ok(bytes)
}

pub(crate) fn row_to_js(row: &Row, context: &mut Context) -> JsResult<JsValue> {
    let object = JsObject::with_object_proto(context.intrinsics());
    let value = bytes_to_js(&row.value, context)?;
    let stamps = fields_to_js(&row.stamps, context)?;
    for (name, member) in [
        (js_string!("key"), JsString::from(row.key.as_str()).into()),
        (js_string!("value"), value),
        (js_string!("version"), number(row.version)),
        (js_string!("stamps"), stamps),
    ] {
        object.create_data_property_or_throw(name, member, context)?;
    }
    Ok(object.into())
}

#[allow(clippy::cast_precision_loss, reason = "a script has no other numbers")]
pub(crate) fn number(number: u64) -> JsValue {
    i32::try_from(number).map_or_else(|_| JsValue::from(number as f64), JsValue::from)
}

pub(crate) fn list_to_js(list: Vec<JsValue>, context: &mut Context) -> JsValue {
    JsArray::from_iter(list, context).into()
}

pub(crate) fn event_to_js(event: &Happening, context: &mut Context) -> JsResult<JsValue> {
    let object = JsObject::with_object_proto(context.intrinsics());
    let fields = fields_to_js(&event.fields, context)?;
    let body = bytes_to_js(&event.body, context)?;
    for (name, member) in [
        (js_string!("code"), JsString::from(event.code.as_str()).into()),
        (js_string!("ticket"), JsString::from(event.ticket.to_string().as_str()).into()),
        (js_string!("fields"), fields),
        (js_string!("body"), body),
    ] {
        object.create_data_property_or_throw(name, member, context)?;
    }
    Ok(object.into())
}

/// `{schema, text}`; bytes that are no text are another program's, and nothing.
pub(crate) fn saved_to_js(saved: &SavedState, context: &mut Context) -> JsResult<JsValue> {
    let Ok(text) = std::str::from_utf8(&saved.bytes) else {
        return Ok(JsValue::undefined());
    };
    let object = JsObject::with_object_proto(context.intrinsics());
    object.create_data_property_or_throw(js_string!("schema"), number(saved.schema.into()), context)?;
    object.create_data_property_or_throw(js_string!("text"), JsString::from(text), context)?;
    Ok(object.into())
}

pub(crate) fn saved_from_js(value: &JsValue, context: &mut Context) -> JsResult<Option<SavedState>> {
    let Some(object) = value.as_object() else { return Ok(None) };
    let schema = object.get(js_string!("schema"), context)?.to_u32(context)?;
    let text = object.get(js_string!("text"), context)?;
    let bytes = bytes_from_js(&text, context)?;
    Ok(Some(SavedState { schema, bytes }))
}

/// What a refused call throws: an `Error` with the members of the contract's failure.
pub(crate) fn thrown(failure: &Failure, context: &mut Context) -> JsError {
    let make = |context: &mut Context| -> JsResult<JsValue> {
        let error = JsNativeError::error()
            .with_message(format!("{}: {}", failure.code, failure.message))
            .into_opaque(context);
        let fields = fields_to_js(&failure.fields, context)?;
        error.create_data_property_or_throw(js_string!("code"), JsString::from(failure.code.as_str()), context)?;
        error.create_data_property_or_throw(js_string!("fields"), fields, context)?;
        Ok(error.into())
    };
    make(context).map_or_else(|error| error, JsError::from_opaque)
}
