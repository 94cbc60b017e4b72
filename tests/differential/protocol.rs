//! Single messages and short conversations, as bytes: every method with good and bad params, locks between two
//! sessions, and what closes a connection. Both servers answer alike, or close alike.

use std::io;

use ovsdb_harness::text::Scan;
use ovsdb_harness::{Client, Random, wait};
use serde_json::{Value, json};

use crate::arbitrary;
use crate::compare;
use crate::damage;
use crate::names::Names;
use crate::twins::Pair;

/// Messages of one connection, in order. Those of the table have no `id`: they are numbered.
pub(crate) const CONVERSATIONS: &[&[&str]] = &[
    // list_dbs, get_server_id and echo do not look at their params.
    &[
        r#"{"method":"list_dbs","params":[]}"#,
        r#"{"method":"list_dbs","params":[1,{}]}"#,
    ],
    &[
        r#"{"method":"get_server_id","params":[]}"#,
        r#"{"method":"get_server_id","params":["x"]}"#,
    ],
    &[
        r#"{"method":"echo","params":[]}"#,
        r#"{"method":"echo","params":[1,{"a":[null,"\u00e4\ud83d\ude00"]},1.5,-0]}"#,
    ],
    &[
        r#"{"method":"nope","params":[]}"#,
        r#"{"method":"","params":[]}"#,
        r#"{"method":"Transact","params":["Every"]}"#,
    ],
    // get_schema.
    &[
        r#"{"method":"get_schema","params":["Every"]}"#,
        r#"{"method":"get_schema","params":["_Server"]}"#,
        r#"{"method":"get_schema","params":["Every","more"]}"#,
        r#"{"method":"get_schema","params":[]}"#,
        r#"{"method":"get_schema","params":[1]}"#,
        r#"{"method":"get_schema","params":["Nope"]}"#,
        r#"{"method":"get_schema","params":[""]}"#,
        r#"{"method":"get_schema","params":[{"b":1,"a":[2,3]}]}"#,
    ],
    // set_db_change_aware.
    &[
        r#"{"method":"set_db_change_aware","params":[true]}"#,
        r#"{"method":"set_db_change_aware","params":[false]}"#,
        r#"{"method":"set_db_change_aware","params":[]}"#,
        r#"{"method":"set_db_change_aware","params":[1]}"#,
        r#"{"method":"set_db_change_aware","params":[true,true]}"#,
    ],
    // transact as a whole.
    &[
        r#"{"method":"transact","params":["Every"]}"#,
        r#"{"method":"transact","params":[]}"#,
        r#"{"method":"transact","params":[1]}"#,
        r#"{"method":"transact","params":["Nope"]}"#,
        r#"{"method":"transact","params":["Every",1]}"#,
        r#"{"method":"transact","params":["Every",null,[]]}"#,
        r#"{"method":"transact","params":["Every",{}]}"#,
        r#"{"method":"transact","params":["Every",{"op":1}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"nope"},{"op":"comment","comment":"x"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"nope","extra":1,"more":2}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"no id!"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":""}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"abort"},{"op":"comment","comment":"x"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"abort","extra":1}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"comment"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"comment","comment":1}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"commit"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"commit","durable":true}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"commit","durable":1}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"assert","lock":"x"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"assert","lock":"x y"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"assert"}]}"#,
    ],
    // Writing where nobody may.
    &[
        r#"{"method":"transact","params":["_Server",{"op":"insert","table":"Database","row":{}}]}"#,
        r#"{"method":"transact","params":["_Server",{"op":"delete","table":"Database","where":[]}]}"#,
        r#"{"method":"transact","params":["_Server",{"op":"update","table":"Database","where":[],"row":{"name":"x"}}]}"#,
        r#"{"method":"transact","params":["_Server",{"op":"mutate","table":"Database","where":[],"mutations":[]}]}"#,
        r#"{"method":"transact","params":["_Server",{"op":"commit","durable":false}]}"#,
        r#"{"method":"transact","params":["_Server",{"op":"insert","table":"Database","row":{"nope":1}}]}"#,
        r#"{"method":"transact","params":["_Server",{"op":"comment","comment":"x"},{"op":"abort"}]}"#,
        r#"{"method":"transact","params":["_Server",{"op":"select","table":"Database","where":[],"columns":["name","model","connected","leader","cid","sid","index"]}]}"#,
    ],
    // select.
    &[
        r#"{"method":"transact","params":["Every",{"op":"select"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Nope","where":[]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Nope"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"no id"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":{}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[1]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[[]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[["number","=="]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[["number","==",1,2]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[[1,"==",1]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[["number",1,1]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[["number","=",1]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[["nope","=",1]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[["text","<","a"]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[["maybe_number","<",["set",[]]]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Limits","where":[["choice","==","nope"]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Limits","where":[["choice","includes","nope"]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Limits","where":[["choice","excludes",["set",["red","green"]]]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[["number","includes",["set",[1,2]]]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[["number","excludes",["set",[1,2]]]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[["number","excludes",["set",[]]]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[["_uuid","==",["named-uuid","x"]]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[],"columns":{}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[],"columns":["nope"]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[],"columns":[1]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[],"columns":["text","text"]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[],"sort":["nope"]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[],"sort":["text","text"]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[],"sort":1}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"select","table":"Scalar","where":[],"extra":1}]}"#,
    ],
    // insert.
    &[
        r#"{"method":"transact","params":["Every",{"op":"insert"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":[]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"nope":1}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{},"uuid":1}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{},"uuid":"x"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{},"uuid":"00000000-0000-0000-0000-0000000000"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{},"uuid":"0000000000000000000000000000000000000000"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{},"uuid":"9E3779B9-0001-4000-8000-5EED5EED5EED"},{"op":"abort"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{},"uuid":"00000000-0000-0000-0000-000000000000"},{"op":"abort"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{},"uuid-name":1}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{},"uuid-name":"0x"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{},"uuid-name":""}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"number":"x"}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"number":1.5}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"number":9223372036854775808}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"number":-9223372036854775809}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"number":1e3,"real":1,"big":-9223372036854775808}},{"op":"select","table":"Scalar","where":[["number","==",1000.0]],"columns":["number","real","big"]},{"op":"abort"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"real":0.30000000000000004}},{"op":"insert","table":"Scalar","row":{"real":1e300}},{"op":"insert","table":"Scalar","row":{"real":123456789012345678}},{"op":"insert","table":"Scalar","row":{"real":1.0e-5}},{"op":"select","table":"Scalar","where":[["real","!=",0]],"columns":["real"]},{"op":"abort"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"flag":1}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"flag":null}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"text":{}}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"id":"x"}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"id":["uuid"]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"id":["uuid",1]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"id":["uuid","x"]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"id":["named-uuid","0"]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"id":["named-uuid",1]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"maybe_number":["set",[1,2]]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"number":["set",[]]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"number":["set",[1,1]]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Sets","row":{"numbers":["set",[1,1]]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Sets","row":{"numbers":["set"]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Sets","row":{"numbers":["set",1]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Sets","row":{"numbers":[]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Sets","row":{"some":["set",[]]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Sets","row":{"some":["set",[1,2,3,4,5,6]]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Sets","row":{"any":["set",[]]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Maps","row":{"options":"x"}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Maps","row":{"options":["map",1]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Maps","row":{"options":["map",[1]]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Maps","row":{"options":["map",[["a"]]]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Maps","row":{"options":["map",[["a","b"],["a","c"]]]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Maps","row":{"options":["map",[["a",1]]]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Maps","row":{"few":["map",[]]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Limits","row":{"from_to":11}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Limits","row":{"from":-4}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Limits","row":{"to":8}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Limits","row":{"real_from_to":2.75}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Limits","row":{"real_from":0.1}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Limits","row":{"real_to":1e11}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Limits","row":{"short":"abcde"}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Limits","row":{"short":"\u00e4\u00f6\u00fc\u00df"}},{"op":"abort"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Limits","row":{"long":"\u00e4"}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Limits","row":{"sized":["set",["",""]]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Limits","row":{"choice":"pink"}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Limits","row":{"truth":false}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Limits","row":{"single":"x"}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Strict","row":{}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Strict","row":{"choice":"yes","_uuid":["uuid","9e3779b9-0001-4000-8000-5eed5eed5eed"],"_version":["uuid","9e3779b9-0001-4000-8000-5eed5eed5eed"]}},{"op":"abort"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Strict","row":{"choice":"yes","_uuid":1}},{"op":"abort"}]}"#,
    ],
    // update, mutate, delete, wait.
    &[
        r#"{"method":"transact","params":["Every",{"op":"update","table":"Frozen","where":[],"row":{"number":1}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"update","table":"Frozen","where":[],"row":{"number":"x"}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"update","table":"Frozen","where":[],"row":{"weak":["set",[]]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"update","table":"Frozen","where":[["nope","==",1]],"row":{"number":1}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"update","table":"Frozen","where":[],"row":{"_uuid":["uuid","9e3779b9-0001-4000-8000-5eed5eed5eed"]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"update","table":"Frozen","where":[],"row":{"_version":["uuid","9e3779b9-0001-4000-8000-5eed5eed5eed"]}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"update","table":"Frozen","row":{}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"mutate","table":"Scalar","where":[]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"mutate","table":"Scalar","where":[],"mutations":[1]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"mutate","table":"Scalar","where":[],"mutations":[["number","+="]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"mutate","table":"Scalar","where":[],"mutations":[["nope","+=",1]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"mutate","table":"Scalar","where":[],"mutations":[["number","**",1]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"mutate","table":"Scalar","where":[],"mutations":[["number","+=",1.5]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"mutate","table":"Scalar","where":[],"mutations":[["number","+=",["set",[1,2]]]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"mutate","table":"Scalar","where":[],"mutations":[["number","insert",1]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"mutate","table":"Scalar","where":[],"mutations":[["text","+=",1]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"mutate","table":"Scalar","where":[],"mutations":[["real","%=",1]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"mutate","table":"Maps","where":[],"mutations":[["weights","+=",1]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"mutate","table":"Maps","where":[],"mutations":[["options","insert","x"]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"mutate","table":"Maps","where":[],"mutations":[["options","delete",1]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"mutate","table":"Maps","where":[],"mutations":[["options","delete",["map",[["a",1]]]]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"mutate","table":"Frozen","where":[],"mutations":[["number","+=",1]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"mutate","table":"Frozen","where":[],"mutations":[["_uuid","insert",["uuid","9e3779b9-0001-4000-8000-5eed5eed5eed"]]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"big":9223372036854775807,"number":-9223372036854775808}},{"op":"mutate","table":"Scalar","where":[],"mutations":[["big","+=",1]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"big":-9223372036854775808}},{"op":"mutate","table":"Scalar","where":[],"mutations":[["big","-=",1]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"big":-9223372036854775808}},{"op":"mutate","table":"Scalar","where":[],"mutations":[["big","/=",-1]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"big":7}},{"op":"mutate","table":"Scalar","where":[["big","==",7]],"mutations":[["big","/=",-2]]},{"op":"select","table":"Scalar","where":[["big","!=",0]],"columns":["big"]},{"op":"mutate","table":"Scalar","where":[["big","!=",0]],"mutations":[["big","%=",2]]},{"op":"select","table":"Scalar","where":[["big","!=",0]],"columns":["big"]},{"op":"abort"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"real":1e300}},{"op":"mutate","table":"Scalar","where":[],"mutations":[["real","*=",1e300]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Scalar","row":{"real":1}},{"op":"mutate","table":"Scalar","where":[],"mutations":[["real","/=",0]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"insert","table":"Sets","row":{"numbers":["set",[4,5]]}},{"op":"mutate","table":"Sets","where":[],"mutations":[["numbers","/=",2]]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"delete","table":"Scalar"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"delete","table":"Scalar","where":[],"row":{}}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"wait","table":"Scalar","where":[],"rows":[],"until":"=="}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"wait","timeout":0,"table":"Scalar","where":[],"rows":[{}],"until":"=="}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"wait","timeout":-1,"table":"Scalar","where":[],"rows":[],"until":"=="}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"wait","timeout":1.5,"table":"Scalar","where":[],"rows":[],"until":"=="}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"wait","timeout":0,"table":"Scalar","where":[],"rows":[],"until":"<"}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"wait","timeout":0,"table":"Scalar","where":[],"rows":[],"until":"!="}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"wait","timeout":0,"table":"Scalar","where":[],"rows":[1],"until":"!="}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"wait","timeout":0,"table":"Scalar","where":[],"rows":[{"nope":1}],"until":"!="}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"wait","timeout":0,"table":"Scalar","where":[],"columns":["nope"],"rows":[],"until":"!="}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"wait","timeout":0,"table":"Scalar","where":[["nope","==",1]],"columns":["text"],"rows":[],"until":"!="}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"wait","timeout":0,"table":"Scalar","where":[],"rows":[]}]}"#,
        r#"{"method":"transact","params":["Every",{"op":"wait","timeout":20,"table":"Scalar","where":[],"rows":[{}],"until":"=="},{"op":"comment","comment":"never"}]}"#,
    ],
    // Waiting, the same id twice, and taking a request back.
    &[
        r#"{"id":7,"method":"transact","params":["Every",{"op":"wait","table":"Scalar","where":[["text","==","never"]],"columns":["text"],"rows":[{"text":"never"}],"until":"=="}]}"#,
        r#"{"id":7,"method":"transact","params":["Every"]}"#,
        r#"{"id":7,"method":"transact","params":["Every",{"op":"wait","table":"Scalar","where":[],"rows":[],"until":"!="}]}"#,
        r#"{"id":null,"method":"cancel","params":[7]}"#,
        r#"{"id":7,"method":"transact","params":["Every"]}"#,
    ],
    &[
        r#"{"id":1,"method":"set_db_change_aware","params":[true]}"#,
        r#"{"id":[7],"method":"transact","params":["Every",{"op":"wait","table":"Scalar","where":[["text","==","never"]],"columns":["text"],"rows":[{"text":"never"}],"until":"=="}]}"#,
        r#"{"id":null,"method":"cancel","params":[[7],1]}"#,
        r#"{"id":null,"method":"cancel","params":[]}"#,
        r#"{"id":null,"method":"cancel","params":[8]}"#,
        r#"{"id":null,"method":"cancel","params":[[7]]}"#,
        r#"{"id":9,"method":"cancel","params":[[7]]}"#,
    ],
    // Notifications are ignored.
    &[
        r#"{"id":null,"method":"transact","params":["Every"]}"#,
        r#"{"method":"list_dbs","params":[],"id":null}"#,
        r#"{"id":null,"method":"nope","params":[]}"#,
    ],
    // Monitors.
    &[
        r#"{"method":"monitor","params":[]}"#,
        r#"{"method":"monitor","params":[1]}"#,
        r#"{"method":"monitor","params":["Nope",1,{}]}"#,
        r#"{"method":"monitor","params":["Every",1,[]]}"#,
        r#"{"method":"monitor","params":["Every",1,7]}"#,
        r#"{"method":"monitor","params":["Every",1,{}]}"#,
        r#"{"method":"monitor","params":["Every",1,{}]}"#,
        r#"{"method":"monitor_cond","params":["Every",1,{}]}"#,
        r#"{"method":"monitor","params":["Every",2,{"Nope":{}}]}"#,
        r#"{"method":"monitor","params":["Every",2,{"Scalar":1}]}"#,
        r#"{"method":"monitor","params":["Every",2,{"Scalar":[1]}]}"#,
        r#"{"method":"monitor","params":["Every",2,{"Scalar":{"columns":1}}]}"#,
        r#"{"method":"monitor","params":["Every",2,{"Scalar":{"columns":[1]}}]}"#,
        r#"{"method":"monitor","params":["Every",2,{"Scalar":{"columns":["nope"]}}]}"#,
        r#"{"method":"monitor","params":["Every",2,{"Scalar":{"columns":["text","text"]}}]}"#,
        r#"{"method":"monitor","params":["Every",2,{"Scalar":[{"columns":["text"]},{"columns":["text"]}]}]}"#,
        r#"{"method":"monitor","params":["Every",2,{"Scalar":[{},{}]}]}"#,
        r#"{"method":"monitor","params":["Every",2,{"Scalar":{"select":1}}]}"#,
        r#"{"method":"monitor","params":["Every",2,{"Scalar":{"select":{"initial":1}}}]}"#,
        r#"{"method":"monitor","params":["Every",2,{"Scalar":{"select":{"nope":true}}}]}"#,
        r#"{"method":"monitor","params":["Every",2,{"Scalar":{"where":[]}}]}"#,
        r#"{"method":"monitor","params":["Every",2,{"Scalar":{"extra":1}}]}"#,
        r#"{"method":"monitor","params":["Every",2,{"Scalar":[]}]}"#,
        r#"{"method":"monitor","params":["Every",3,{"Scalar":{}},"more","params"]}"#,
        r#"{"method":"monitor_cancel","params":[2]}"#,
        r#"{"method":"monitor_cancel","params":[2]}"#,
        r#"{"method":"monitor_cancel","params":[]}"#,
        r#"{"method":"monitor_cancel","params":[1,1]}"#,
        r#"{"method":"monitor_cancel","params":[1]}"#,
        r#"{"method":"monitor","params":["Every",{"a":[1,2]},{}]}"#,
        r#"{"method":"monitor_cancel","params":[{"a":[1,2]}]}"#,
        r#"{"method":"monitor","params":["Every",null,{}]}"#,
        r#"{"method":"monitor_cancel","params":[null]}"#,
    ],
    &[
        r#"{"method":"monitor_cond","params":["Every",1,{},2]}"#,
        r#"{"method":"monitor_cond","params":["Every",1,{"Scalar":{"where":1}}]}"#,
        r#"{"method":"monitor_cond","params":["Every",1,{"Scalar":{"where":[1]}}]}"#,
        r#"{"method":"monitor_cond","params":["Every",1,{"Scalar":{"where":[["nope","==",1]]}}]}"#,
        r#"{"method":"monitor_cond","params":["Every",1,{"Scalar":{"where":[["text","=",1]]}}]}"#,
        r#"{"method":"monitor_cond","params":["Every",1,{"Scalar":{"where":[["text","==",1]]}}]}"#,
        r#"{"method":"monitor_cond","params":["Every",1,{"Scalar":{"where":[["id","==",["named-uuid","x"]]]}}]}"#,
        r#"{"method":"monitor_cond_since","params":["Every",1,{}]}"#,
        r#"{"method":"monitor_cond_since","params":["Every",1,{},1]}"#,
        r#"{"method":"monitor_cond_since","params":["Every",1,{},"x"]}"#,
        r#"{"method":"monitor_cond_since","params":["Every",1,{"Nope":{}},"x"]}"#,
        r#"{"method":"monitor_cond_since","params":["Every",1,[],"x"]}"#,
        r#"{"method":"monitor_cond_since","params":["Every",1,{},"00000000-0000-0000-0000-000000000000",1]}"#,
    ],
    &[
        r#"{"method":"monitor_cond","params":["Every","a",{"Scalar":{"columns":["text"],"where":[["number","==",1]]},"Sets":{}}]}"#,
        r#"{"method":"monitor_cond","params":["Every","b",{}]}"#,
        r#"{"method":"monitor_cond_change","params":[]}"#,
        r#"{"method":"monitor_cond_change","params":["a","a"]}"#,
        r#"{"method":"monitor_cond_change","params":["a","a",[]]}"#,
        r#"{"method":"monitor_cond_change","params":["z","z",[]]}"#,
        r#"{"method":"monitor_cond_change","params":["z","z",{}]}"#,
        r#"{"method":"monitor_cond_change","params":["a","b",{}]}"#,
        r#"{"method":"monitor_cond_change","params":["a","b",[]]}"#,
        r#"{"method":"monitor_cond_change","params":["a","a",{"Nope":[]}]}"#,
        r#"{"method":"monitor_cond_change","params":["a","a",{"Maps":[]}]}"#,
        r#"{"method":"monitor_cond_change","params":["a","a",{"Scalar":1}]}"#,
        r#"{"method":"monitor_cond_change","params":["a","a",{"Scalar":{"where":[]}}]}"#,
        r#"{"method":"monitor_cond_change","params":["a","a",{"Scalar":[1]}]}"#,
        r#"{"method":"monitor_cond_change","params":["a","a",{"Scalar":[{"where":[],"columns":["text"]}]}]}"#,
        r#"{"method":"monitor_cond_change","params":["a","a",{"Scalar":[{"where":[],"select":{}}]}]}"#,
        r#"{"method":"monitor_cond_change","params":["a","a",{"Scalar":[{"where":[],"extra":{}}]}]}"#,
        r#"{"method":"monitor_cond_change","params":["a","a",{"Scalar":[{"where":[["nope","==",1]]}]}]}"#,
        r#"{"method":"monitor_cond_change","params":["a","a",{"Scalar":[{"where":1}]}]}"#,
        r#"{"method":"monitor_cond_change","params":["a","c",{"Scalar":[{"where":[["number","==",2]]}]}]}"#,
        r#"{"method":"monitor_cond_change","params":["a","a",{}]}"#,
        r#"{"method":"monitor_cond_change","params":["c","c",{}]}"#,
        r#"{"method":"monitor_cancel","params":["c"]}"#,
    ],
    // Locks.
    &[
        r#"{"method":"lock","params":[]}"#,
        r#"{"method":"lock","params":[1]}"#,
        r#"{"method":"lock","params":["no id"]}"#,
        r#"{"method":"lock","params":["a","b"]}"#,
        r#"{"method":"steal","params":[{}]}"#,
        r#"{"method":"unlock","params":[]}"#,
        r#"{"method":"unlock","params":["a"]}"#,
        r#"{"method":"lock","params":["a"]}"#,
        r#"{"method":"lock","params":["a"]}"#,
        r#"{"method":"steal","params":["a"]}"#,
        r#"{"method":"transact","params":["Every",{"op":"assert","lock":"a"}]}"#,
        r#"{"method":"unlock","params":["a"]}"#,
        r#"{"method":"transact","params":["Every",{"op":"assert","lock":"a"}]}"#,
        r#"{"method":"steal","params":["a"]}"#,
        r#"{"method":"unlock","params":["a"]}"#,
    ],
    // convert, as far as it is refused.
    &[
        r#"{"method":"convert","params":[]}"#,
        r#"{"method":"convert","params":["Nope",{}]}"#,
        r#"{"method":"convert","params":["Every"]}"#,
        r#"{"method":"convert","params":["Every",{},1]}"#,
        r#"{"method":"convert","params":["Every",{}]}"#,
        r#"{"method":"convert","params":["Every",{"name":"Other","tables":{}}]}"#,
    ],
    // What closes the connection.
    &[r#"{"id":1,"method":"list_dbs","params":null}"#],
    &[r#"{"id":1,"method":"list_dbs"}"#],
    &[r#"{"id":1,"method":"list_dbs","params":{}}"#],
    &[r#"{"id":1,"method":null,"params":[]}"#],
    &[r#"{"id":1,"method":1,"params":[]}"#],
    &[r#"{"id":1,"method":"list_dbs","params":[],"extra":1}"#],
    &[r#"{"id":1,"method":"list_dbs","params":[],"extra":null}"#],
    &[r#"{"id":1,"method":"list_dbs","params":[],"error":null,"result":null}"#],
    &[r#"{"id":1,"method":"list_dbs","params":[],"result":1}"#],
    &[r#"{"id":1,"result":[],"error":null}"#],
    &[r#"{"id":"echo","result":[],"error":null}"#],
    &[r#"{"id":"echo","result":null,"error":"x"}"#],
    &[r#"{"id":1,"result":null,"error":"x"}"#],
    &[r#"{"id":null,"result":[],"error":null}"#],
    &[r#"{"id":1,"result":1,"error":"x"}"#],
    &[r#"{"id":1,"result":1}"#],
    &[r#"{}"#],
    &[r#"[]"#],
    &[r#"1"#],
    &[r#""x""#],
    &[r#"{"id":1,"method":"list_dbs","params":[],}"#],
    &[r#"{"id":1,"id":2,"method":"nope","method":"list_dbs","params":[]}"#],
    &[r#"{"id":1,"method":"echo","params":[01]}"#],
    &[r#"{"id":1,"method":"echo","params":[+1]}"#],
    &[r#"{"id":1,"method":"echo","params":[1.]}"#],
    &[r#"{"id":1,"method":"echo","params":[.5]}"#],
    &[r#"{"id":1,"method":"echo","params":[1e400]}"#],
    &[r#"{"id":1,"method":"echo","params":[1e-400,5e-324,2.2250738585072014e-308]}"#],
    &[r#"{"id":1,"method":"echo","params":[1e3,1.0,10e-1,-0.0,0.1e1,123456789012345678901234567890]}"#],
    &[r#"{"id":1,"method":"echo","params":["\u0000"]}"#],
    &[r#"{"id":1,"method":"echo","params":["\ud800"]}"#],
    &[r#"{"id":1,"method":"echo","params":["\udc00"]}"#],
    &[r#"{"id":1,"method":"echo","params":["\ud800\u0041"]}"#],
    &[r#"{"id":1,"method":"echo","params":["\u00e4\/\b\f\n\r\t\"\\"]}"#],
    &[r#"{"id":1,"method":"echo","params":["\x"]}"#],
    &[r#"{"id":1,"method":"echo","params":["\u12"]}"#],
    &[r#"{"id":1,"method":"echo","params":[tru]}"#],
    &[r#"{"id":1,"method":"echo","params":[nul]}"#],
    &[r#"{"id":1,"method":"echo","params":[True]}"#],
    &[r#"{"id":1,"method":"echo","params":[1 2]}"#],
    &[r#"{"id":1,"method":"echo","params":[1}]"#],
    &[r#"{"id":1 "method":"echo","params":[]}"#],
    &[r#"{"id" 1,"method":"echo","params":[]}"#],
    &[r#"{id:1,"method":"echo","params":[]}"#],
    &["{\"id\":1,\"method\":\"echo\",\"params\":[\"\u{1}\"]}"],
    &["{\"id\":1,\"method\":\"echo\",\"params\":[\"\u{7f}\u{80}\u{10ffff}\"]}"],
    &["\u{feff}{\"id\":1,\"method\":\"echo\",\"params\":[]}"],
    &["\u{b}{\"id\":1,\"method\":\"echo\",\"params\":[]}"],
    &["{\"id\":1,\"method\":\"echo\",\"params\":[]} \t\r\n {\"id\":2,\"method\":\"echo\",\"params\":[]}"],
];

/// The last request of every conversation; what comes before its reply belongs to the conversation.
const END: &str = r#"{"id":"end","method":"get_server_id","params":[]}"#;

/// What a server has said in a conversation.
#[derive(Debug)]
struct Said {
    messages: Vec<Value>,
    is_closed: bool,
}

/// Holds a conversation with both servers and compares what they say.
pub(crate) fn converse(pair: &mut Pair, names: &mut Names, messages: &[Vec<u8>]) -> bool {
    let ours = listen(&mut pair.ours, messages);
    let theirs = listen(&mut pair.theirs, messages);
    let shown: Vec<_> = messages
        .iter()
        .map(|message| String::from_utf8_lossy(message))
        .collect();
    assert_eq!(
        ours.is_closed, theirs.is_closed,
        "{shown:?}\nours   {ours:?}\ntheirs {theirs:?}"
    );
    let (a, b) = (Value::from(ours.messages), Value::from(theirs.messages));
    if let Err(difference) = compare::equal(names, &a, &b) {
        assert!(is_arbitrary(messages, &a, &b), "{shown:?}\n{difference}");
    }
    ours.is_closed
}

/// Whether the answers to a single transaction differ in what is arbitrary only.
fn is_arbitrary(messages: &[Vec<u8>], ours: &Value, theirs: &Value) -> bool {
    let [message] = messages else {
        return false;
    };
    let message: Value = serde_json::from_slice(message).unwrap_or_default();
    if message["method"] == "monitor" {
        // Upstream goes through the tables in the order of hashes.
        let is_one_of_several = message["params"][2]
            .as_object()
            .is_some_and(|tables| tables.len() > 1);
        let (ours, theirs) = (&ours[0]["error"], &theirs[0]["error"]);
        return is_one_of_several && ours.is_object() && theirs.is_object()
            || arbitrary::is_one_of_several_members(ours, theirs);
    }
    let operations = message["params"].as_array().and_then(|params| params.get(1..));
    arbitrary::is_arbitrary(
        operations.unwrap_or_default(),
        &ours[0]["result"],
        &theirs[0]["result"],
    )
}

fn listen(client: &mut Client, messages: &[Vec<u8>]) -> Said {
    let mut said = Said {
        messages: Vec::new(),
        is_closed: false,
    };
    let sent = messages
        .iter()
        .map(Vec::as_slice)
        .chain([END.as_bytes()])
        .try_for_each(|message| client.send_raw(message));
    if let Err(error) = sent {
        println!("sending: {error}");
    }
    loop {
        // Upstream repeats bytes that are no UTF-8 as they came; we put the replacement character there.
        let text = client.next_text(wait::DEADLINE);
        let parse =
            |text: Vec<u8>| serde_json::from_str(&String::from_utf8_lossy(&text)).expect("servers send JSON");
        match text.map(parse) {
            Ok::<Value, _>(message) if message["id"] == "end" => break,
            Ok(mut message) => {
                // RFC 7047 §4.1.1 leaves the order of names open.
                if message["id"] == "list_dbs"
                    && let Some(names) = message["result"].as_array_mut()
                {
                    names.sort_by_key(Value::to_string);
                }
                said.messages.push(message);
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => panic!("no answer to {messages:?}"),
            Err(_) => {
                said.is_closed = true;
                break;
            }
        }
    }
    said
}

/// The conversations of the table, with ids.
pub(crate) fn numbered(conversation: &[&str]) -> Vec<Vec<u8>> {
    let with_id = |(number, message): (usize, &&str)| {
        let id = if message.contains("\"list_dbs\"") {
            json!("list_dbs")
        } else {
            json!(number)
        };
        match message.strip_prefix("{\"method\"") {
            Some(rest) => format!("{{\"id\":{id},\"method\"{rest}").into_bytes(),
            None => message.as_bytes().to_vec(),
        }
    };
    conversation.iter().enumerate().map(with_id).collect()
}

/// A message of the table, damaged as a value or as bytes. Absent if it would kill the packaged server or wait.
pub(crate) fn damaged(random: &mut Random) -> Option<Vec<u8>> {
    let conversation = *random.pick(CONVERSATIONS);
    let message = numbered(&[*random.pick(conversation)]).remove(0);
    let mut value: Value = serde_json::from_slice(&message).ok()?;
    if random.chance(60) {
        damage::damage(random, &mut value);
        let is_text = value.is_object() || value.is_array();
        return (is_text && is_harmless(&value)).then(|| value.to_string().into_bytes());
    }
    if !is_harmless(&value)
        || value["method"]
            .as_str()
            .is_some_and(|method| method.starts_with("monitor"))
    {
        return None;
    }
    let mut bytes = message;
    // So that two bytes can be taken away.
    bytes.push(b' ');
    for _ in 0..=random.below(2) {
        let at = random.below(bytes.len() as u64) as usize;
        // No NUL: within a number, upstream passes over it and what follows.
        let new = *random.pick(b"{}[]\",:\\ 019-+.eEtfnu\x01\x7f\x80\xc3\xff");
        match random.below(3) {
            0 => bytes[at] = new,
            1 => bytes.insert(at, new),
            _ => drop(bytes.remove(at)),
        }
    }
    // What is left open would swallow the next message, and nobody would answer.
    if Scan::default().end_of_text(&bytes) != Some(bytes.trim_ascii_end().len()) {
        return None;
    }
    let value: Value = serde_json::from_str(&String::from_utf8_lossy(&bytes)).unwrap_or_default();
    // A name of a database that is no UTF-8 is repeated as one replacement character.
    let is_named = !value["params"][0]
        .as_str()
        .is_some_and(|name| name.contains('\u{fffd}'));
    (is_named && is_harmless(&value)).then_some(bytes)
}

/// False for what ends the packaged server, and for what never ends.
fn is_harmless(message: &Value) -> bool {
    let params = message["params"].as_array().map_or(&[][..], Vec::as_slice);
    match message["method"].as_str() {
        Some("monitor") => params.len() > 2,
        Some("monitor_cond" | "monitor_cond_since" | "monitor_cond_change") => false,
        Some("transact") => params.iter().all(|operation| {
            let is_wait = operation["op"] == "wait" && operation["timeout"] != json!(0);
            let multiplies = operation["mutations"].to_string().contains("*=");
            !is_wait && !multiplies
        }),
        _ => true,
    }
}
