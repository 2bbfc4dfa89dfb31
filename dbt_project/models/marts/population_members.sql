-- Who belonged to each population on the cut-off of each year.

select
    cast(reporting_year as int) as reporting_year,
    cast(population as {{ dbt.type_string() }}) as population,
    cast(member_kind as {{ dbt.type_string() }}) as member_kind,
    cast(member_key as {{ dbt.type_string() }}) as member_key
from {{ ref('int_population_members') }}
where not is_pending
