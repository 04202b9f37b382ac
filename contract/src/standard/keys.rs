//! The blocks of ODCS 3.2 and ODPS 1.1 that are kept as they were written.
//!
//! Earlier versions of both are read by the same tables: what they had, these have.

use super::shape::{Shape, may, must};

const TEXT: &Shape = &Shape::Text;
const FLAG: &Shape = &Shape::Flag;
const NUMBER: &Shape = &Shape::Number;
const ID: &Shape = &Shape::Id;
const ANY: &Shape = &Shape::Any;
const SCALAR: &Shape = &Shape::Scalar;

pub(crate) static TEXTS: Shape = Shape::List(TEXT);
pub(crate) static ANYTHINGS: Shape = Shape::List(ANY);

/// `customProperties` wherever they stand.
pub(crate) static CUSTOM: Shape = Shape::List(&Shape::Block(&[
    must("property", TEXT),
    must("value", ANY),
    may("id", ID),
    may("description", TEXT),
    may("vendor", TEXT),
]));

/// `authoritativeDefinitions` wherever they stand.
pub(crate) static DEFINITIONS: Shape =
    Shape::List(&Shape::Block(&[must("url", TEXT), must("type", TEXT), may("id", ID), may("description", TEXT)]));

pub(crate) static SYNONYMS: Shape = Shape::List(&Shape::Block(&[
    must("synonym", TEXT),
    may("id", ID),
    may("description", TEXT),
    may("locale", TEXT),
    may("source", TEXT),
    may("status", TEXT),
    may("customProperties", &CUSTOM),
]));

static STATEMENTS: Shape = Shape::List(&Shape::Block(&[
    must("question", TEXT),
    may("id", TEXT),
    may("answer", TEXT),
    may("authoritativeDefinitions", &DEFINITIONS),
    may("tags", &TEXTS),
    may("customProperties", &CUSTOM),
]));
static CONSTRAINTS: Shape = Shape::List(&Shape::Block(&[
    must("constraint", TEXT),
    may("id", TEXT),
    may("authoritativeDefinitions", &DEFINITIONS),
    may("tags", &TEXTS),
    may("customProperties", &CUSTOM),
]));
static CONTEXT_BLOCK: Shape = Shape::Block(&[
    may("instructions", TEXT),
    may("verifiedStatements", &STATEMENTS),
    may("constraints", &CONSTRAINTS),
]);
/// `context`: guidance for people and machines that read the data.
pub(crate) static CONTEXT: Shape = Shape::Or(TEXT, &CONTEXT_BLOCK);

pub(crate) static PRICE: Shape =
    Shape::Block(&[may("id", ID), may("priceAmount", NUMBER), may("priceCurrency", TEXT), may("priceUnit", TEXT)]);

pub(crate) static ROLES: Shape = Shape::List(&Shape::Block(&[
    must("role", TEXT),
    may("id", ID),
    may("description", TEXT),
    may("access", TEXT),
    may("firstLevelApprovers", TEXT),
    may("secondLevelApprovers", TEXT),
    may("customProperties", &CUSTOM),
]));

pub(crate) static SUPPORT: Shape = Shape::List(&Shape::Block(&[
    must("channel", TEXT),
    may("id", ID),
    may("url", TEXT),
    may("description", TEXT),
    may("tool", TEXT),
    may("scope", TEXT),
    may("invitationUrl", TEXT),
    may("customProperties", &CUSTOM),
]));
/// The product standard has tags and definitions at a channel too, and asks for its URL.
pub(crate) static PRODUCT_SUPPORT: Shape = Shape::List(&Shape::Block(&[
    must("channel", TEXT),
    must("url", TEXT),
    may("id", ID),
    may("description", TEXT),
    may("tool", TEXT),
    may("scope", TEXT),
    may("invitationUrl", TEXT),
    may("tags", &TEXTS),
    may("customProperties", &CUSTOM),
    may("authoritativeDefinitions", &DEFINITIONS),
]));

static MEMBERS: Shape = Shape::List(&Shape::Block(&[
    must("username", TEXT),
    may("id", ID),
    may("name", TEXT),
    may("description", TEXT),
    may("role", TEXT),
    may("dateIn", TEXT),
    may("dateOut", TEXT),
    may("replacedByUsername", TEXT),
    may("tags", &TEXTS),
    may("customProperties", &CUSTOM),
    may("authoritativeDefinitions", &DEFINITIONS),
]));
static TEAM_BLOCK: Shape = Shape::Block(&[
    may("id", ID),
    may("name", TEXT),
    may("description", TEXT),
    may("members", &MEMBERS),
    may("tags", &TEXTS),
    may("customProperties", &CUSTOM),
    may("authoritativeDefinitions", &DEFINITIONS),
]);
/// `team`: members (3.0), or a block with a name and members.
pub(crate) static TEAM: Shape = Shape::ListOr(&MEMBERS, &TEAM_BLOCK);
static PRODUCT_TEAM_BLOCK: Shape = Shape::Block(&[
    may("name", TEXT),
    may("description", TEXT),
    may("members", &MEMBERS),
    may("tags", &TEXTS),
    may("customProperties", &CUSTOM),
    may("authoritativeDefinitions", &DEFINITIONS),
]);
/// As [`TEAM`]; the product standard gives a team no identifier, and wrote a list until 1.0.
pub(crate) static PRODUCT_TEAM: Shape = Shape::ListOr(&MEMBERS, &PRODUCT_TEAM_BLOCK);

pub(crate) static LEVELS: Shape = Shape::List(&Shape::Block(&[
    must("property", TEXT),
    must("value", SCALAR),
    may("id", ID),
    may("valueExt", SCALAR),
    may("unit", TEXT),
    may("element", TEXT),
    may("driver", TEXT),
    may("description", TEXT),
    may("scheduler", TEXT),
    may("schedule", TEXT),
    may("customProperties", &CUSTOM),
    may("authoritativeDefinitions", &DEFINITIONS),
]));

pub(crate) static SERVERS: Shape = Shape::List(&Shape::Server);

/// One allowed value of `enum`.
pub(crate) static ENUM: Shape = Shape::List(&Shape::Block(&[
    must("value", SCALAR),
    may("label", TEXT),
    may("id", ID),
    may("description", TEXT),
    may("customProperties", &CUSTOM),
    may("authoritativeDefinitions", &DEFINITIONS),
    may("tags", &TEXTS),
]));

static REFERENCE: Shape = Shape::ListOr(&TEXTS, TEXT);
pub(crate) static RELATIONSHIPS: Shape = Shape::List(&Shape::Block(&[
    may("id", TEXT),
    may("type", &Shape::Word(&["foreignKey"])),
    may("from", &REFERENCE),
    must("to", &REFERENCE),
    may("customProperties", &CUSTOM),
]));

/// A kept key: the name in the document, the name in the model's `custom` map, and its shape.
pub(crate) type Kept = (&'static str, &'static str, &'static Shape);

/// Keys at the top of a contract that the model keeps as they are.
pub(crate) static CONTRACT: &[Kept] = &[
    ("id", "id", TEXT),
    ("name", "name", TEXT),
    ("dataProduct", "dataProduct", TEXT),
    ("domain", "domain", TEXT),
    ("version", "version", TEXT),
    ("status", "status", TEXT),
    ("tenant", "tenant", TEXT),
    ("price", "price", &PRICE),
    ("context", "context", &CONTEXT),
    ("authoritativeDefinitions", "authoritativeDefinitions", &DEFINITIONS),
    ("contractCreatedTs", "contractCreatedTs", TEXT),
    ("support", "support", &SUPPORT),
    ("team", "team", &TEAM),
    ("roles", "roles", &ROLES),
];

/// Keys of `description`, in a contract and in a product.
pub(crate) static DESCRIPTION: &[Kept] = &[
    ("usage", "description.usage", TEXT),
    ("limitations", "description.limitations", TEXT),
    ("authoritativeDefinitions", "description.authoritativeDefinitions", &DEFINITIONS),
    ("customProperties", "description.customProperties", &CUSTOM),
];

/// Keys of a table that the model keeps as they are.
pub(crate) static TABLE: &[Kept] = &[
    ("id", "id", ID),
    ("physicalName", "physicalName", TEXT),
    ("physicalType", "physicalType", TEXT),
    ("businessName", "businessName", TEXT),
    ("dataGranularityDescription", "dataGranularityDescription", TEXT),
    ("tags", "tags", &TEXTS),
    ("authoritativeDefinitions", "authoritativeDefinitions", &DEFINITIONS),
    ("context", "context", &CONTEXT),
    ("synonyms", "synonyms", &SYNONYMS),
    ("deprecated", "deprecated", FLAG),
];

/// Keys of a column that the model keeps as they are.
pub(crate) static COLUMN: &[Kept] = &[
    ("id", "id", ID),
    ("physicalName", "physicalName", TEXT),
    ("businessName", "businessName", TEXT),
    ("encryptedName", "encryptedName", TEXT),
    ("transformSourceObjects", "transformSourceObjects", &TEXTS),
    ("transformLogic", "transformLogic", TEXT),
    ("transformDescription", "transformDescription", TEXT),
    ("examples", "examples", &ANYTHINGS),
    ("criticalDataElement", "criticalDataElement", FLAG),
    ("authoritativeDefinitions", "authoritativeDefinitions", &DEFINITIONS),
    ("semanticType", "semanticType", &Shape::Word(&["column", "measure", "dimension"])),
    ("synonyms", "synonyms", &SYNONYMS),
    ("deprecated", "deprecated", FLAG),
];

/// Keys of an input port that the model keeps as they are.
pub(crate) static INPUT_PORT: &[Kept] = &[
    ("name", "port.name", TEXT),
    ("id", "id", TEXT),
    ("version", "version", TEXT),
    ("contractId", "contractId", TEXT),
    ("deprecated", "deprecated", FLAG),
    ("tags", "tags", &TEXTS),
    ("authoritativeDefinitions", "authoritativeDefinitions", &DEFINITIONS),
];

static BILLS: Shape = Shape::List(&Shape::Block(&[may("id", TEXT), may("type", TEXT), may("url", TEXT)]));
static INPUTS: Shape = Shape::List(&Shape::Block(&[must("id", TEXT), must("version", TEXT)]));

/// Keys of an output port that the model keeps as they are.
pub(crate) static OUTPUT_PORT: &[Kept] = &[
    ("id", "port.id", TEXT),
    ("name", "port.name", TEXT),
    ("description", "port.description", TEXT),
    ("type", "port.type", TEXT),
    ("version", "port.version", TEXT),
    ("contractId", "port.contractId", TEXT),
    ("deprecated", "port.deprecated", FLAG),
    ("sbom", "port.sbom", &BILLS),
    ("inputContracts", "port.inputContracts", &INPUTS),
    ("synonyms", "port.synonyms", &SYNONYMS),
    ("tags", "port.tags", &TEXTS),
    ("context", "port.context", &CONTEXT_BLOCK),
    ("authoritativeDefinitions", "port.authoritativeDefinitions", &DEFINITIONS),
];

pub(crate) static MANAGEMENT_PORTS: Shape = Shape::List(&Shape::Block(&[
    must("name", TEXT),
    must("content", TEXT),
    may("id", TEXT),
    may("deprecated", FLAG),
    may("type", TEXT),
    may("url", TEXT),
    may("channel", TEXT),
    may("description", TEXT),
    may("tags", &TEXTS),
    may("customProperties", &CUSTOM),
    may("authoritativeDefinitions", &DEFINITIONS),
]));

/// Keys at the top of a product document that the model keeps as they are.
pub(crate) static PRODUCT: &[Kept] = &[
    ("id", "id", TEXT),
    ("name", "name", TEXT),
    ("domain", "domain", TEXT),
    ("version", "version", TEXT),
    ("status", "status", TEXT),
    ("tenant", "tenant", TEXT),
    ("type", "type", TEXT),
    ("deprecated", "deprecated", FLAG),
    ("synonyms", "synonyms", &SYNONYMS),
    ("context", "context", &CONTEXT_BLOCK),
    ("authoritativeDefinitions", "authoritativeDefinitions", &DEFINITIONS),
    ("managementPorts", "managementPorts", &MANAGEMENT_PORTS),
    ("productCreatedTs", "productCreatedTs", TEXT),
    ("support", "support", &PRODUCT_SUPPORT),
    ("team", "team", &PRODUCT_TEAM),
];
