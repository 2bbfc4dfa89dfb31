-- The reasons that an observation can have, in words.

select
    cast(reason as {{ dbt.type_string() }}) as reason,
    cast(definition as {{ dbt.type_string() }}) as definition
from {{ ref('reasons') }}
